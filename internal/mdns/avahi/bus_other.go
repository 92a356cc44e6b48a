//go:build !linux

package avahi

import "github.com/godbus/dbus/v5"

// systemBus says that there is no Avahi to talk to on this system.
func systemBus(...dbus.ConnOption) (*dbus.Conn, error) { return nil, ErrSystem }
