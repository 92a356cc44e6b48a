package chat

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"llchat/internal/health"
	"llchat/internal/history"
)

const historyFile = "history.db"

// damageMark is the file that tells the next start that the history is not
// whole: not everything that is damaged keeps it from opening.
const damageMark = historyFile + ".mend"

// Codes of what was wrong with the history.
const (
	healthSalvaged = "history-salvaged" // in this start
	healthDamaged  = "history-damaged"  // noticed while running
	healthAside    = "history-aside"    // an earlier one is kept
	healthLogLost  = "history-cut"
)

// openHistory opens the history. One that is damaged is set aside, and what
// can be read of it carried over; the user is told in either case.
func (n *Node) openHistory() error {
	gone := n.historyGone()
	err := n.withHistory(func(path string, key [32]byte) (err error) {
		n.hist, err = history.Open(path, key)
		return err
	})
	if err != nil {
		return err
	}
	if gone {
		n.health.Set(goneItem())
	}
	n.guardHistory()
	return nil
}

// withHistory opens the history in the way given, mended if need be.
func (n *Node) withHistory(open func(path string, key [32]byte) error) error {
	key, err := n.prof.StoreKey()
	if err != nil {
		return passphraseError(err)
	}
	defer clear(key[:])
	path, marked := n.prof.Path(historyFile), n.damageMarked()
	if !marked {
		err = open(path, key)
		if !errors.Is(err, history.ErrDamaged) {
			n.tellAside(path)
			return err
		}
	}
	saved, err := history.Salvage(n.ctx, path, key)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil {
		n.log.Warn("History salvaged", "messages", saved.Messages, "gaps", saved.Gaps)
		for _, item := range salvagedItems(saved) {
			n.health.Set(item)
		}
	}
	if err = open(path, key); err != nil {
		return err
	}
	return n.unmark()
}

// salvagedItems tell the user what is left of a damaged history.
func salvagedItems(saved history.Salvaged) []health.Item {
	items := []health.Item{{
		Code: healthSalvaged, Severity: health.Warning, Text: salvagedText(saved),
		Hint: "the damaged file is kept as " + saved.Aside, Since: time.Now(),
	}}
	if saved.Cut {
		items = append(items, health.Item{
			Code: healthLogLost, Severity: health.Warning,
			Text:  "the log of the history was damaged: some of what was written last before the crash may be missing",
			Hint:  "the damaged log is kept as " + saved.Aside + "-wal",
			Since: time.Now(),
		})
	}
	return items
}

// unmark says that the history is whole.
func (n *Node) unmark() error {
	if err := os.Remove(n.prof.Path(damageMark)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func salvagedText(s history.Salvaged) string {
	text := fmt.Sprintf("the history was damaged: %d messages could be read and are here", s.Messages)
	if s.Gaps == 1 {
		text += ", what stood in one place is lost"
	} else if s.Gaps > 1 {
		text += fmt.Sprintf(", what stood in %d places is lost", s.Gaps)
	}
	return text
}

// tellAside tells, as long as it lies there, of a damaged history that was set
// aside, and of a log that is gone.
func (n *Node) tellAside(path string) {
	if n.hist == nil {
		return
	}
	if n.hist.LogLost() {
		n.health.Set(health.Item{
			Code: healthLogLost, Severity: health.Warning,
			Text: "the log of the history is gone: what was written last before the crash may be missing", Since: time.Now(),
		})
	}
	all, err := filepath.Glob(path + ".damaged-*")
	if err != nil {
		return
	}
	for _, name := range all {
		if !strings.HasSuffix(name, "-wal") {
			n.health.Set(health.Item{
				Code: healthAside, Severity: health.Info, Text: "a damaged history is kept as " + name,
				Hint: "remove it when nothing of it is wanted any more", Since: time.Now(),
			})
		}
	}
}

func (n *Node) damageMarked() bool {
	_, err := os.Lstat(n.prof.Path(damageMark))
	return err == nil
}

const (
	textDamaged = "the history is damaged: not all of it can be read"
	hintMend    = "what can be read is being carried over; the damaged file is kept"
	hintRestart = "end llchat and start it again: it sets the damaged file aside and carries over what can be read"
)

// damaged follows a read or write that met damage: the user is told, and it is
// mended at once, or at the next start. It returns what is to be said of the
// error.
func (n *Node) damaged(err error) error {
	if !errors.Is(err, history.ErrDamaged) {
		return n.closedError(err)
	}
	if e := n.prof.Create(damageMark, []byte(textDamaged+"\n")); e != nil && !errors.Is(e, fs.ErrExist) {
		n.log.Error("Damage not marked", "err", e)
	}
	hint := hintRestart
	if n.mayMend() {
		hint = hintMend
		n.afterwards(n.mend)
	}
	n.healthItem(health.Error, healthDamaged, textDamaged, hint)
	return &Error{Code: CodeError, Text: textDamaged, Hint: hint}
}
