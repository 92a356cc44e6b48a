package control

import (
	"bufio"
	"encoding/json"
	"net"
	"strconv"
	"sync"

	"llchat/internal/chat"
)

// link is one connection to a node, and the calls under way on it.
type link struct {
	conn *net.UnixConn

	mu    sync.Mutex // guards the following
	next  int
	calls map[string]chan response
	ended error // why no call can be made any more
}

func newLink(c *net.UnixConn) *link {
	l := &link{conn: c, calls: map[string]chan response{}}
	go l.read()
	return l
}

// read hands answers to their calls until the connection ends.
func (l *link) read() {
	var why error = chat.ErrEnded
	in := answers(l.conn)
	for in.Scan() {
		var r response
		if err := json.Unmarshal(in.Bytes(), &r); err != nil {
			break
		}
		if string(r.ID) == "null" && r.Error != nil {
			why = decodeAnswer(r, nil) // about the connection, not a call
			break
		}
		l.mu.Lock()
		if ch := l.calls[string(r.ID)]; ch != nil {
			ch <- r // buffered: one answer a call
			delete(l.calls, string(r.ID))
		}
		l.mu.Unlock()
	}
	_ = l.conn.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = why
	for _, ch := range l.calls {
		close(ch)
	}
	clear(l.calls)
}

func answers(c net.Conn) *bufio.Scanner {
	in := bufio.NewScanner(c)
	in.Buffer(nil, maxAnswer)
	return in
}

func (l *link) begin() (string, chan response, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended != nil {
		return "", nil, l.ended
	}
	l.next++
	id := strconv.Itoa(l.next)
	ch := make(chan response, 1)
	l.calls[id] = ch
	return id, ch, nil
}

// why says why the connection ended; nil while it has not.
func (l *link) why() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
}

func (l *link) forget(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.calls, id)
}
