#!/usr/bin/python3
"""python3-zeroconf as a peer of the tests.

zeroconf_peer.py browse
    prints {"event": "add|update|remove", "name", "port", "server", "txt",
    "addresses"} a line, until its input ends.
zeroconf_peer.py publish INSTANCE PORT ADDRESS KEY=VALUE...
    prints {"event": "published"}; then takes lines from its input:
    `txt KEY=VALUE...` changes the TXT record, the end of input withdraws it.
"""
import json
import socket
import sys

from zeroconf import IPVersion, ServiceBrowser, ServiceInfo, Zeroconf

TYPE = "_presence._tcp.local."


def say(**kw):
    print(json.dumps(kw, ensure_ascii=False), flush=True)


def text(properties):
    return {k.decode(): (v or b"").decode("utf-8", "replace") for k, v in properties.items()}


class Listener:
    def tell(self, event, zc, name):
        info = zc.get_service_info(TYPE, name, 3000)
        if info is None:
            say(event=event, name=name)
            return
        say(event=event, name=name, port=info.port, server=info.server, txt=text(info.properties),
            addresses=[a for a in info.parsed_scoped_addresses(IPVersion.All)])

    def add_service(self, zc, _, name):
        self.tell("add", zc, name)

    def update_service(self, zc, _, name):
        self.tell("update", zc, name)

    def remove_service(self, _zc, _, name):
        say(event="remove", name=name)


def record(instance, port, address, pairs):
    return ServiceInfo(
        TYPE, instance + "." + TYPE, port=int(port), server=instance.split("@")[-1] + ".local.",
        addresses=[socket.inet_aton(address)], properties=dict(p.split("=", 1) for p in pairs))


def main():
    zc = Zeroconf()
    if sys.argv[1] == "browse":
        ServiceBrowser(zc, TYPE, Listener())
        say(event="browsing")
        sys.stdin.read()
    else:
        place = sys.argv[2:5]
        zc.register_service(record(*place, sys.argv[5:]))
        say(event="published")
        for line in sys.stdin:
            zc.update_service(record(*place, line.split()[1:]))
            say(event="changed")
        zc.unregister_all_services()
        say(event="withdrawn")
    zc.close()


if __name__ == "__main__":
    main()
