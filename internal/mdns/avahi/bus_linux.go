package avahi

import "github.com/godbus/dbus/v5"

// systemBus connects to the bus where avahi-daemon has its name.
func systemBus(opts ...dbus.ConnOption) (*dbus.Conn, error) { return dbus.ConnectSystemBus(opts...) }
