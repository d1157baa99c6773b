// What the process asks of the system at its start.
#pragma once

namespace gateway {

// /dev/null in the place of those of the first three that are closed. First of all: with a closed standard error the
// next descriptor that is opened, a socket for one, would be descriptor 2, and the log would go there.
void open_standard_descriptors();

// Two descriptors a session: the soft limit is raised to the hard one, and the resulting capacity logged.
void raise_descriptor_limit();

// OpenSSL writes with write(), which raises SIGPIPE where the peer has gone: that would end every session with one.
void ignore_broken_pipes();

// Blocks of 128 kB and more go back to the system when they are freed. glibc would raise that bound to what it last
// took back, up to 32 MB, and then keep as much of what a flood has left (docs/DECISIONS.md).
void give_back_large_blocks();

}  // namespace gateway
