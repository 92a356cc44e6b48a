package chat

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"llchat/internal/health"
)

// Files of a profile that show that it was in use before: the key is made with
// the history, the settings are written at the end of each start.
const (
	keyFile    = "key"
	configFile = "config"
)

// Codes of a history whose file went away.
const (
	healthGone  = "history-gone"  // before this start
	healthMoved = "history-moved" // while it was open
)

const hintMoved = "put the folder of the profile back where it was; what is only in memory is lost when llchat ends"

// historyGone reports whether the profile had a history that is not there.
func (n *Node) historyGone() bool {
	_, err := os.Lstat(n.prof.Path(historyFile))
	return errors.Is(err, fs.ErrNotExist) && n.has(keyFile) && n.has(configFile)
}

func (n *Node) has(name string) bool {
	_, err := os.Lstat(n.prof.Path(name))
	return err == nil
}

func goneItem() health.Item {
	return health.Item{
		Code: healthGone, Severity: health.Warning, Text: "the history of this profile is gone: an empty one was begun",
		Hint: "if you have a copy of the file " + historyFile + ", end llchat and put that in its place", Since: time.Now(),
	}
}

// guardHistory has the history written anew when its file is removed while it
// is open. A profile that was destroyed has no key any more, and gets nothing
// back (P-21).
func (n *Node) guardHistory() {
	n.hist.Guard(func() bool { return n.has(keyFile) }, func(err error) {
		item := movedItem(n.prof.Path(historyFile), err)
		if !n.health.Set(item) {
			return
		}
		// The engine may be waiting for the history: not for its inbox as well.
		select {
		case n.inbox <- func() { n.emit(HealthNotice{Item: item}) }:
		default:
		}
	})
}

func movedItem(path string, err error) health.Item {
	item := health.Item{
		Code: healthMoved, Severity: health.Warning, Text: "somebody removed the history while it was in use: it was written anew, nothing is missing",
		Hint: "something on this machine removes or replaces " + path, Since: time.Now(),
	}
	if err != nil {
		item.Severity, item.Text = health.Error, "the history is gone from the disk: nothing can be kept"
		item.Hint = hintMoved
	}
	return item
}
