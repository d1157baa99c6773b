-- Prosody behind postern. postern is an ordinary client to it: nothing needs to be installed, and mod_bosh is not needed.
--
-- In postern.toml
--   [[domain]]
--   name   = "example.org"
--   server = "127.0.0.1:5222"
--   tls    = "starttls"          -- the certificate must be for example.org, as for any client

VirtualHost "example.org"

-- When both run on one machine the hop between them may stay in the clear: `tls = "none"` in postern.toml, which postern allows
-- to loopback only. Prosody then has to accept clients without TLS, so make sure that the outside cannot reach that port:
--   c2s_interfaces = { "127.0.0.1", "::1" }
--   c2s_require_encryption = false
--   allow_unencrypted_plain_auth = true     -- only where clients use PLAIN (old JSJaC); SCRAM does without

-- mod_limits counts per connection, and postern opens one connection for each browser: no change needed.
-- With mod_net_proxy (a community module, not in Debian) and proxy_protocol = true in postern.toml it sees the browsers' addresses.
-- Otherwise all those connections come from postern's address. Modules and firewalls that ban by address must leave it out; postern has
-- its own limits per browser address ([limits]).

-- No message is lost: what a browser has not received stays Prosody's, by XEP-0198. With these, a message to a closed tab is stored
-- and comes at the next login. Debian's configuration enables smacks; offline is loaded unless it is disabled.
--   modules_enabled = { ...; "smacks"; "mam"; }
-- Prosody forgets the oldest of more unacknowledged stanzas than this; the default of 500 leaves little for a burst to a slow browser.
smacks_max_queue_size = 5000
