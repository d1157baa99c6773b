// Namespaces of the extensions that the chat speaks, each spelt once. Those of streams are in xmpp/names.hpp.
#pragma once
#include <string_view>

namespace webclient::ns {

inline constexpr std::string_view bookmarks = "urn:xmpp:bookmarks:1";
inline constexpr std::string_view caps = "http://jabber.org/protocol/caps";
inline constexpr std::string_view carbons = "urn:xmpp:carbons:2";
inline constexpr std::string_view chat_states = "http://jabber.org/protocol/chatstates";
inline constexpr std::string_view conference = "jabber:x:conference";
inline constexpr std::string_view correct = "urn:xmpp:message-correct:0";
inline constexpr std::string_view data_form = "jabber:x:data";
inline constexpr std::string_view delay = "urn:xmpp:delay";
inline constexpr std::string_view disco_info = "http://jabber.org/protocol/disco#info";
inline constexpr std::string_view disco_items = "http://jabber.org/protocol/disco#items";
inline constexpr std::string_view forward = "urn:xmpp:forward:0";
inline constexpr std::string_view mam = "urn:xmpp:mam:2";
inline constexpr std::string_view muc = "http://jabber.org/protocol/muc";
inline constexpr std::string_view muc_owner = "http://jabber.org/protocol/muc#owner";
inline constexpr std::string_view muc_user = "http://jabber.org/protocol/muc#user";
inline constexpr std::string_view nick = "http://jabber.org/protocol/nick";
inline constexpr std::string_view oob = "jabber:x:oob";
inline constexpr std::string_view ping = "urn:xmpp:ping";
inline constexpr std::string_view private_storage = "jabber:iq:private";
inline constexpr std::string_view pubsub = "http://jabber.org/protocol/pubsub";
inline constexpr std::string_view pubsub_event = "http://jabber.org/protocol/pubsub#event";
inline constexpr std::string_view publish_options = "http://jabber.org/protocol/pubsub#publish-options";
inline constexpr std::string_view receipts = "urn:xmpp:receipts";
inline constexpr std::string_view roster = "jabber:iq:roster";
inline constexpr std::string_view rsm = "http://jabber.org/protocol/rsm";
inline constexpr std::string_view stanza_id = "urn:xmpp:sid:0";
inline constexpr std::string_view storage_bookmarks = "storage:bookmarks";
inline constexpr std::string_view time = "urn:xmpp:time";
inline constexpr std::string_view upload = "urn:xmpp:http:upload:0";
inline constexpr std::string_view version = "jabber:iq:version";

}  // namespace webclient::ns
