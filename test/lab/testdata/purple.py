#!/usr/bin/python3
"""Plays the user of a Finch, over libpurple's D-Bus interface.

purple.py ready                 ends 0 when the account is connected
purple.py buddies               one JSON object a line
purple.py write BUDDY TEXT      what a person types to a buddy
purple.py status away MESSAGE   likewise: away, available
"""
import html
import json
import sys

import dbus

PURPLE = "im.pidgin.purple.PurpleService"
TYPE_IM = 1
PRIMITIVE = {"available": 2, "away": 5}  # PurpleStatusPrimitive


def connect():
    obj = dbus.SessionBus().get_object(PURPLE, "/im/pidgin/purple/PurpleObject")
    return dbus.Interface(obj, "im.pidgin.purple.PurpleInterface")


def buddies(p, account):
    for b in p.PurpleFindBuddies(account, ""):
        status = p.PurplePresenceGetActiveStatus(p.PurpleBuddyGetPresence(b))
        print(json.dumps({
            "name": str(p.PurpleBuddyGetName(b)),
            "alias": str(p.PurpleBuddyGetAlias(b)),
            "online": bool(p.PurpleBuddyIsOnline(b)),
            "status": str(p.PurpleStatusGetId(status)),
            "message": str(p.PurpleStatusGetAttrString(status, "message")),
        }, ensure_ascii=False))


def write(p, account, who, text):
    conv = p.PurpleConversationNew(TYPE_IM, account, who)
    p.PurpleConvImSend(p.PurpleConvIm(conv), html.escape(text, quote=False))


def status(p, _, kind, message):
    saved = p.PurpleSavedstatusNew("", PRIMITIVE[kind])
    p.PurpleSavedstatusSetMessage(saved, message)
    p.PurpleSavedstatusActivate(saved)


def ready(p, account):
    if not p.PurpleAccountIsConnected(account):
        sys.exit(1)


def main():
    try:
        p = connect()
        accounts = p.PurpleAccountsGetAllActive()
        if not accounts:
            sys.exit("no account yet")
        {"ready": ready, "buddies": buddies, "write": write, "status": status}[sys.argv[1]](
            p, accounts[0], *sys.argv[2:])
    except dbus.DBusException as e:
        sys.exit("D-Bus: " + e.get_dbus_message())


if __name__ == "__main__":
    main()
