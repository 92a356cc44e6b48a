package engine

import (
	"time"

	"llchat/internal/mdns/wire"
)

// Passive observation of failures (RFC 6762 10.5): others' questions about an
// instance that nobody answers say that it is gone. The RFC flushes at once;
// but questions can be forged, and sent so that only we hear them, and the one
// asked about would be alive and silent. So two of them only make us ask
// ourselves, as if reaching it had failed (10.4), rarely enough to be no
// amplifier. PTR questions are left out: everybody not in their list of known
// answers would have to be asked about.
const (
	poofQuestions = 2
	poofApart     = time.Second     // a repetition of the same question, not another one
	poofWindow    = time.Minute     // older questions do not count: refreshing asks at 80 to 95 % of 120 s
	poofWait      = 3 * time.Second // for the answer to the last one
	poofSpread    = 2 * time.Second // not all who observed ask at once
	poofPause     = time.Minute     // between reconfirmations of one instance
	poofRate      = 2               // reconfirmations/s for this reason, all instances
	poofBurst     = 20
)

// poof counts unanswered questions about an instance.
type poof struct {
	asked int
	last  time.Time
	check time.Time // nobody answered until then: reconfirm
	done  time.Time // last reconfirmation for this reason
}

// observe notes that somebody asked about in on a link where it is known.
func (e *Engine) observe(now time.Time, l *linkState, in *instance, p input, q wire.Question) {
	o := &in.poof
	about := q.Type == wire.TypeSRV || q.Type == wire.TypeTXT || q.Type == wire.TypeANY
	if !about || !in.shown || in.view(l) == nil || !p.onLink || p.msg.Truncated || in.reconfirm.active() {
		return
	}
	if now.Sub(o.last) < poofApart || knowsName(p.msg.Answers, q) {
		return
	}
	if now.Sub(o.last) > poofWindow {
		o.asked = 0
	}
	o.last = now
	if o.asked++; o.asked >= poofQuestions && o.check.IsZero() && now.Sub(o.done) >= poofPause {
		o.check = now.Add(poofWait + e.between(0, poofSpread))
		e.arm(now, in)
	}
}

// knowsName says whether the querier listed a record of that name and type: the
// instance is right not to answer.
func knowsName(known []wire.Record, q wire.Question) bool {
	for _, r := range known {
		if (r.Type == q.Type || q.Type == wire.TypeANY) && r.Name.Equal(q.Name) {
			return true
		}
	}
	return false
}

// checkPoof reconfirms in when nobody answered for it in time.
func (e *Engine) checkPoof(now time.Time, in *instance) {
	o := &in.poof
	if o.check.IsZero() || o.check.After(now) {
		return
	}
	o.check, o.asked = time.Time{}, 0
	if e.cache.poofs.take(now, poofRate, poofBurst) {
		o.done = now
		e.startReconfirm(now, in)
	}
}
