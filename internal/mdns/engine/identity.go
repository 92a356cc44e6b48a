package engine

import (
	"bytes"
	"time"
)

// Rename publishes under other names and another port: goodbye for the old
// instance, then probing for the new one as Publish does. Names that make no
// label change nothing and return ErrName.
func (e *Engine) Rename(now time.Time, user, machine string, port uint16, txt []byte) error {
	e.now = now
	var fresh own
	if !fresh.name(user, machine) {
		return ErrName
	}
	o := &e.own
	if o.wanted {
		// The same name again is no goodbye: new data takes the place of the old.
		if fresh.instanceKey != o.instanceKey {
			e.Withdraw(now)
		}
		e.unpublish(now)
	}
	before := o.instanceKey
	o.name(user, machine)
	o.reported, o.tries, o.conflicts, o.deafUntil = "", 0, nil, time.Time{}
	e.cfg.Port = port
	for _, l := range e.links {
		clear(l.responder.sent) // new names, new records
	}
	if before == o.instanceKey {
		e.dropGoodbye()
	}
	e.publish(now, txt)
	return nil
}

// publish starts probing for the present names on all links.
func (e *Engine) publish(now time.Time, txt []byte) {
	o := &e.own
	e.silent = false
	o.wanted, o.established = true, false
	o.txt, o.wantTXT = bytes.Clone(txt), bytes.Clone(txt)
	e.turnPicture(now)
	delete(o.former, o.instanceKey)
	delay := e.between(0, probeSpread)
	for _, l := range e.sorted() {
		e.startProbing(now, l, delay)
	}
	e.settle()
}

// dropGoodbye forgets a second goodbye: it would kill the new announcement.
func (e *Engine) dropGoodbye() {
	o := &e.own
	if o.bye.running() {
		e.timers.stop(&o.bye)
		e.emit(Event{Kind: Withdrawn})
	}
	o.byePackets = nil
}

// Silence makes the engine send nothing from now on, not even a goodbye, and
// forget everybody: without questions nobody can be told from a ghost. It lasts
// until Publish or Rename.
func (e *Engine) Silence(now time.Time) {
	e.now = now
	e.dropGoodbye()
	e.unpublish(now)
	e.silent = true
	e.packets = nil
	for _, l := range e.sorted() {
		e.dropLink(now, l)
	}
	for _, in := range e.all() {
		e.remove(now, in, LinkLost)
	}
	e.settle()
}
