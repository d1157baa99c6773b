// What the process asks of the system at its start.
#pragma once

namespace gateway {

// Two descriptors a session: the soft limit is raised to the hard one, and the resulting capacity logged.
void raise_descriptor_limit();

// OpenSSL writes with write(), which raises SIGPIPE where the peer has gone: that would end every session with one.
void ignore_broken_pipes();

}  // namespace gateway
