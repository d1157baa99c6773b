#include <array>
#include <string>

#include "webclient/iframe_stream.hpp"

namespace webclient {

namespace {

// In the order of the enumeration.
constexpr std::array<std::string_view, 67> keys{
    "",
    "problem.no_such_conversation",
    "problem.no_such_message",
    "problem.no_such_upload",
    "problem.empty_text",
    "problem.text_too_long",
    "problem.bad_address",
    "problem.bad_nick",
    "problem.own_address",
    "problem.not_a_room",
    "problem.not_joined",
    "problem.not_ours",
    "problem.not_supported",
    "problem.offline",
    "problem.too_many",
    "problem.nothing_older",
    "problem.busy",
    "problem.wrong_password",
    "problem.account_disabled",
    "problem.password_expired",
    "problem.no_such_user",
    "problem.encryption_required",
    "problem.no_common_mechanism",
    "problem.server_not_genuine",
    "problem.guests_not_allowed",
    "problem.login_failed",
    "problem.unknown_domain",
    "problem.server_unreachable",
    "problem.server_closed",
    "problem.replaced",
    "problem.kicked",
    "problem.unreadable",
    "problem.timed_out",
    "problem.shutting_down",
    "problem.bad_request",
    "problem.conflict",
    "problem.feature_not_implemented",
    "problem.forbidden",
    "problem.gone",
    "problem.internal_server_error",
    "problem.item_not_found",
    "problem.jid_malformed",
    "problem.not_acceptable",
    "problem.not_allowed",
    "problem.not_authorized",
    "problem.payment_required",
    "problem.policy_violation",
    "problem.recipient_unavailable",
    "problem.redirect",
    "problem.registration_required",
    "problem.remote_server_not_found",
    "problem.remote_server_timeout",
    "problem.resource_constraint",
    "problem.service_unavailable",
    "problem.subscription_required",
    "problem.undefined_condition",
    "problem.unexpected_request",
    "problem.no_file",
    "problem.file_too_large",
    "problem.file_empty",
    "problem.upload_failed",
    "problem.upload_unreachable",
    "problem.room_kicked",
    "problem.room_banned",
    "problem.room_destroyed",
    "problem.room_members_only",
    "problem.room_shut_down",
};

}  // namespace

std::string_view words(const Catalogue& texts, Problem problem) {
  const std::string_view key = keys.at(static_cast<std::size_t>(problem));
  return key.empty() ? key : texts.text(key);
}

}  // namespace webclient
