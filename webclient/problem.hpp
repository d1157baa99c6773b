// Everything that a reader may have to be told, as one closed list: results of commands, why a login failed, why a
// message was returned, why a room cannot be entered. The words are in the catalogue of texts, one for each.
#pragma once
#include <cstdint>

namespace webclient {

enum class Problem : std::uint8_t {
  none,
  // ---- what was asked for cannot be done
  no_such_conversation,  // gone, or never was: the page is old
  no_such_message,
  no_such_upload,
  empty_text,
  text_too_long,
  bad_address,  // not a JID, or not of the kind that is needed here
  bad_nick,     // cannot be a resource
  own_address,  // oneself is no buddy
  not_a_room,
  not_joined,     // a room, and one is not in it
  not_ours,       // only one's own messages can be corrected
  not_supported,  // the server does not offer it
  offline,        // no connection just now; what is not kept for later
  too_many,       // a bound: buddies, rooms, conversations, uploads
  nothing_older,  // the archive has no more
  busy,           // the same is being done
  // ---- login and connection
  wrong_password,
  account_disabled,
  password_expired,
  no_such_user,         // where a server tells
  encryption_required,  // the password may not be sent on this connection
  no_common_mechanism,
  server_not_genuine,  // its proof in SCRAM is wrong
  guests_not_allowed,
  login_failed,  // any other reason
  unknown_domain,
  server_unreachable,
  server_closed,
  replaced,    // by another login of the same resource (stream error conflict)
  kicked,      // the server ended the session
  unreadable,  // what the server says is no XMPP
  timed_out,
  shutting_down,  // the gateway
  // ---- stanza errors (RFC 6120 8.3.3)
  bad_request,
  conflict,  // room: the nick is taken
  feature_not_implemented,
  forbidden,  // room: banned
  gone,
  internal_server_error,
  item_not_found,
  jid_malformed,
  not_acceptable,
  not_allowed,
  not_authorized,  // room: a password is needed, or this one is wrong
  payment_required,
  policy_violation,
  recipient_unavailable,
  redirect,
  registration_required,  // room: members only
  remote_server_not_found,
  remote_server_timeout,
  resource_constraint,
  service_unavailable,  // room: full
  subscription_required,
  undefined_condition,
  unexpected_request,
  // ---- files
  no_file,
  file_too_large,
  file_empty,
  upload_failed,
  upload_unreachable,  // the place that the server has named for it
  // ---- why one is no longer in a room
  room_kicked,
  room_banned,
  room_destroyed,
  room_members_only,
  room_shut_down,
};

}  // namespace webclient
