// What a server, contacts and hostile strangers say to the chat without scripts, as patterns that a script fills in;
// and bounds of the model for such scripts.
#pragma once
#include <string_view>

#include "webclient/chat_model.hpp"

namespace fuzz {

// ^ is one of the addresses, ~ an id that the client has used, $ text out of the script, % a number.
inline constexpr std::string_view stanzas[] = {
    "<message from='^' to='^' type='chat' id='~'><body>$</body></message>",
    "<message from='^' type='groupchat' id='~'><body>$</body></message>",
    "<message from='^' type='groupchat'><subject>$</subject></message>",
    "<message from='^' id='~'><body>/me $</body><replace xmlns='urn:xmpp:message-correct:0' id='~'/></message>",
    "<message from='^' type='error' id='~'><error type='cancel'><gone "
    "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>",
    "<message from='^' id='~'><received xmlns='urn:xmpp:receipts' id='~'/><request "
    "xmlns='urn:xmpp:receipts'/></message>",
    "<message from='^'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>",
    "<message from='^'><sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message "
    "xmlns='jabber:client' "
    "from='^' to='^' id='~'><body>$</body></message></forwarded></sent></message>",
    "<message from='^'><result xmlns='urn:xmpp:mam:2' queryid='~' id='%'><forwarded xmlns='urn:xmpp:forward:0'><delay "
    "xmlns='urn:xmpp:delay' stamp='20%-01-01T00:00:00Z'/><message xmlns='jabber:client' from='^' to='^' "
    "id='~'><body>$</body>"
    "<replace xmlns='urn:xmpp:message-correct:0' id='~'/></message></forwarded></result></message>",
    "<message from='^'><stanza-id xmlns='urn:xmpp:sid:0' by='julia@example.org' id='%'/><body>$</body></message>",
    "<message from='^'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='urn:xmpp:bookmarks:1'><item "
    "id='^'>"
    "<conference xmlns='urn:xmpp:bookmarks:1' name='$' autojoin='true'/></item><retract "
    "id='^'/></items></event></message>",
    "<message from='^'><x xmlns='http://jabber.org/protocol/muc#user'><invite "
    "from='^'><reason>$</reason></invite></x></message>",
    "<message from='^'><x xmlns='jabber:x:conference' jid='^'/></message>",
    "<presence from='^'><show>away</show><status>$</status><priority>%</priority></presence>",
    "<presence from='^' type='unavailable'/>",
    "<presence from='^' type='subscribe'><status>$</status></presence>",
    "<presence from='^'><x xmlns='http://jabber.org/protocol/muc#user'><item role='participant'/><status "
    "code='110'/></x></presence>",
    "<presence from='^' type='unavailable'><x xmlns='http://jabber.org/protocol/muc#user'><item nick='$'/><status "
    "code='303'/></x>"
    "</presence>",
    "<presence from='^' type='unavailable'><x xmlns='http://jabber.org/protocol/muc#user'><item/><status "
    "code='307'/></x></presence>",
    "<presence from='^' type='error'><error type='auth'><conflict "
    "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>",
    "<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='^' name='$' "
    "subscription='both'><group>$</group></item>"
    "</query></iq>",
    "<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='^' subscription='remove'/></query></iq>",
    "<iq type='result' id='~'><query xmlns='jabber:iq:roster'><item jid='^' subscription='to'/><item "
    "jid='^'/></query></iq>",
    "<iq type='result' id='~'><query xmlns='http://jabber.org/protocol/disco#info'><feature "
    "var='urn:xmpp:mam:2'/><feature "
    "var='urn:xmpp:http:upload:0'/></query></iq>",
    "<iq type='result' from='^' id='~'><query xmlns='http://jabber.org/protocol/disco#items'><item jid='^'/><item "
    "jid='b.c'/></query></iq>",
    "<iq type='result' from='^' id='~'><slot xmlns='urn:xmpp:http:upload:0'><put url='https://a/$'/><get "
    "url='https://a/b'/></slot></iq>",
    "<iq type='result' id='~'><fin xmlns='urn:xmpp:mam:2'><set "
    "xmlns='http://jabber.org/protocol/rsm'><last>%</last></set></fin></iq>",
    "<iq type='result' id='~'><fin xmlns='urn:xmpp:mam:2' complete='true'/></iq>",
    "<iq type='error' from='^' id='~'><error type='cancel'><item-not-found "
    "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
    "<iq type='get' from='^' id='$'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
    "<iq type='get' from='^' id='~'><unknown xmlns='$'/></iq>",
    "<iq type='result' id='~'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items "
    "node='urn:xmpp:bookmarks:1'><item id='^'>"
    "<conference xmlns='urn:xmpp:bookmarks:1' autojoin='1'><nick>$</nick></conference></item></items></pubsub></iq>",
    "<r xmlns='urn:xmpp:sm:3'/>",
    "<a xmlns='urn:xmpp:sm:3' h='%'/>",
    "<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true'/>",
    "<failed xmlns='urn:xmpp:sm:3' h='%'/>",
    "<resumed xmlns='urn:xmpp:sm:3' previd='x' h='%'/>",
    "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
    "<iq type='result' id='~'><bind "
    "xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>julia@example.org/w</jid></bind></iq>",
    "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/></stream:features>",
    "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>$</challenge>",
    "<message from='^'><x xmlns='http://jabber.org/protocol/muc#user'><decline "
    "from='^'><reason>$</reason></decline></x></message>",
    "<message from='julia@example.org'><received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>"
    "<message xmlns='jabber:client' from='^'><x xmlns='http://jabber.org/protocol/muc#user'><invite from='^'/></x>"
    "</message></forwarded></received></message>",
    "<iq type='result' from='^' id='~'><query xmlns='http://jabber.org/protocol/disco#info'><identity "
    "category='conference' type='text'/><feature var='http://jabber.org/protocol/muc'/><feature "
    "var='urn:xmpp:http:upload:0'/><x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE'><value>"
    "urn:xmpp:http:upload:0</value></field><field var='max-file-size'><value>%</value></field></x></query></iq>",
    "<message from='julia@example.org'><received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>"
    "<message xmlns='jabber:client' from='^' type='chat' id='~'><body>$</body></message></forwarded></received>"
    "</message>",
    "<message from='^' type='chat' id='~'><body>$</body><request xmlns='urn:xmpp:receipts'/><x xmlns='jabber:x:oob'>"
    "<url>https://a/$</url></x><delay xmlns='urn:xmpp:delay' from='^' stamp='20%-01-01T00:00:00Z'/></message>",
    "<iq type='result' id='~'><query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'><conference jid='^' "
    "name='$' autojoin='true'><nick>$</nick><password>$</password></conference><url name='x' url='$'/></storage>"
    "</query></iq>",
    "<iq type='error' id='~'><error type='cancel'><feature-not-implemented "
    "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
    "<iq type='result' id='~'/>",
    "<iq type='error' from='^' id='~'><error type='cancel'><not-acceptable "
    "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
    "<iq type='result' id='~'><fin xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><first>%</first>"
    "<last>%</last></set></fin></iq>",
    "<presence from='^'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='owner' role='moderator' "
    "jid='^'/><status code='1%'/></x></presence>",
};

inline constexpr std::string_view addresses[] = {
    "julia@example.org",
    "julia@example.org/w",
    "romeo@example.net/o",
    "romeo@example.net",
    "hall@rooms.example.org",
    "hall@rooms.example.org/julia",
    "hall@rooms.example.org/nurse",
    "hall@rooms.example.org/&#x202e;",
    "example.org",
    "",
    "a@b",
    "mallory@example.net/x",
    "garden@rooms.example.org",
    "nurse@example.org",
    "@",
    "c@d/e",
    "f@g",
    "h@i",
};

// So that a short script reaches them.
inline webclient::Bounds small() {
  webclient::Bounds bounds;
  bounds.roster = 4;
  bounds.conversations = 4;
  bounds.rooms = 2;
  bounds.occupants = 3;
  bounds.messages = 6;
  bounds.all_text = 20 * sizeof(webclient::Message);
  bounds.text = 40;
  bounds.label = 16;
  bounds.status = 20;
  bounds.groups = 1;
  bounds.uploads = 2;
  bounds.events = 16;
  bounds.sending = 30;
  return bounds;
}

}  // namespace fuzz
