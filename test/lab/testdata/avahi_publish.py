#!/usr/bin/python3
"""Publishes one service through Avahi and can change its TXT record, which
avahi-publish-service cannot.

avahi_publish.py NAME TYPE PORT KEY=VALUE...
    prints `published`; a line `KEY=VALUE...` of its input is the new TXT
    record (`changed`); the end of its input withdraws the service.
"""
import sys

import dbus

AVAHI = "org.freedesktop.Avahi"
ANY = dbus.Int32(-1)
ZERO = dbus.UInt32(0)


def txt(pairs):
    return dbus.Array([dbus.ByteArray(p.encode()) for p in pairs], signature="ay")


def main():
    name, kind, port, *pairs = sys.argv[1:]
    bus = dbus.SystemBus()
    server = dbus.Interface(bus.get_object(AVAHI, "/"), AVAHI + ".Server")
    group = dbus.Interface(bus.get_object(AVAHI, server.EntryGroupNew()), AVAHI + ".EntryGroup")
    group.AddService(ANY, ANY, ZERO, name, kind, "", "", dbus.UInt16(int(port)), txt(pairs))
    group.Commit()
    print("published", flush=True)
    for line in sys.stdin:
        group.UpdateServiceTxt(ANY, ANY, ZERO, name, kind, "", txt(line.split()))
        print("changed", flush=True)


if __name__ == "__main__":
    main()
