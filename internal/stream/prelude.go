package stream

import (
	"errors"
	"fmt"
	"io"
	"os"

	"llchat/internal/stanza"
	"llchat/internal/xmlstream"
)

// What the prelude consists of besides the headers (README 5.3).
const (
	offerStartTLS = "<stream:features><starttls xmlns='" + stanza.NSTLS + "'><required/></starttls></stream:features>"
	startTLS      = "<starttls xmlns='" + stanza.NSTLS + "'/>"
	proceedTLS    = "<proceed xmlns='" + stanza.NSTLS + "'/>"
	failTLS       = "<failure xmlns='" + stanza.NSTLS + "'/>"
)

// language of what we say in headers and error texts (C-11).
const language = "en"

// noEncryption is a peer of XMPP 0.9: it can only speak in clear.
type noEncryption struct{ name string }

func (*noEncryption) Error() string { return "peer cannot encrypt: stream header without version" }

// errSilent is anything that came before a valid header of version 1.0:
// it gets no answer.
type errSilent struct{ err error }

func (e *errSilent) Error() string { return e.err.Error() }
func (e *errSilent) Unwrap() error { return e.err }

// receivePrelude is the listener's half of README 5.3. With a nil error the
// next octet on the wire is TLS. Otherwise what has to be said was said, and
// the connection is to be closed.
func (n *Node) receivePrelude(g *gate) error {
	r := xmlstream.NewReader(g, xmlstream.Prelude)
	h, err := r.Header()
	answer := n.clearHeader(h.From)
	answer.ID, answer.Lang = stanza.NewID(), language
	header := xmlstream.AppendHeader(nil, answer)
	v, isViolation := asViolation(err)
	switch {
	case !h.HasVersion && err == nil:
		return &noEncryption{name: h.From}
	case !h.HasVersion || err != nil && !isViolation:
		return &errSilent{err}
	case isViolation:
		return sayError(g, header, v)
	}
	if _, err := g.Write(append(header, offerStartTLS...)); err != nil {
		return fmt.Errorf("prelude: %w", err)
	}
	if err := receiveStartTLS(r, g); err != nil {
		return err
	}
	if _, err := g.Write([]byte(proceedTLS)); err != nil {
		return fmt.Errorf("prelude: %w", err)
	}
	return nil
}

// receiveStartTLS waits for <starttls/> and nothing behind it.
func receiveStartTLS(r *xmlstream.Reader, g *gate) error {
	e, err := r.Next()
	if v, ok := asViolation(err); ok {
		return sayError(g, nil, v)
	}
	switch {
	case errors.Is(err, xmlstream.ErrClosed):
		return say(g, nil, xmlstream.CloseTag, err)
	case err != nil:
		return fmt.Errorf("prelude: %w", err)
	case e.Name.Local == "starttls" && !isBare(e, stanza.NSTLS, "starttls"):
		return say(g, []byte(failTLS), xmlstream.CloseTag, errors.New("prelude: malformed starttls"))
	case e.Name.Local != "starttls":
		return sayError(g, nil, violation(xmlstream.NotAuthorized, ""))
	case r.Buffered() > 0:
		return errInjected // C-4
	}
	return nil
}

// errInjected: octets in clear behind the switch to TLS. Whoever put them
// there must not get an answer out of us.
var errInjected = errors.New("prelude: octets in clear behind the switch to TLS")

// isBare reports whether e is an element of that name and nothing more.
func isBare(e *xmlstream.Element, space, local string) bool {
	return e.Is(space, local) && len(e.Attrs) == 0 && len(e.Children) == 0 && e.Text == ""
}

// sayError sends a stream error in clear: header, when it was not sent yet,
// the error and the closing tag in one write (C-14). It returns the error.
func sayError(w io.Writer, header []byte, v *xmlstream.Error) error {
	return say(w, xmlstream.AppendStreamError(header, *v), xmlstream.CloseTag, fmt.Errorf("prelude: %w", v))
}

// say sends the last octets in clear and returns why.
func say(w io.Writer, b []byte, tail string, why error) error {
	_, _ = w.Write(append(b, tail...)) // it is over either way
	return &spoken{why}
}

// spoken is an error that the other side was told about: the connection ends
// so that the words arrive.
type spoken struct{ err error }

func (e *spoken) Error() string { return e.err.Error() }
func (e *spoken) Unwrap() error { return e.err }

// clearHeader is our header before TLS. It names nobody, unless Config says
// that it has to (K3); then to is whom we want to reach, or who called.
func (n *Node) clearHeader(to string) xmlstream.Header {
	if n.cfg.FullPrelude == nil || !n.cfg.FullPrelude() {
		return xmlstream.Header{}
	}
	if !fitName(to) {
		to = ""
	}
	return xmlstream.Header{From: n.ownNames().own, To: to}
}

// dialPrelude is the dialler's half. With a nil error the next octet on the
// wire is TLS.
func (n *Node) dialPrelude(g *gate, to string) error {
	r := xmlstream.NewReader(g, xmlstream.Prelude)
	if _, err := g.Write(xmlstream.AppendHeader(nil, n.clearHeader(to))); err != nil {
		return &DialError{Reason: ReasonClosed, Err: err}
	}
	h, err := r.Header()
	switch {
	case err == nil && !h.HasVersion:
		return cannotEncrypt(errors.New("stream header without version"))
	case err != nil:
		return preludeError(g, err, h.HasVersion)
	}
	if err := readOffer(r, g); err != nil {
		return err
	}
	if _, err := g.Write([]byte(startTLS)); err != nil {
		return &DialError{Reason: ReasonClosed, Err: err}
	}
	return readProceed(r, g)
}

// readOffer waits for features. Whether they hold <starttls/> and <required/>
// does not matter: an attacker could strip either, so STARTTLS is tried once
// whatever they say, and nothing but STARTTLS ever is (C-2).
func readOffer(r *xmlstream.Reader, g *gate) error {
	e, err := r.Next()
	if err != nil {
		return preludeError(g, err, true)
	}
	if err := peerError(e); err != nil {
		return err
	}
	if !e.Is(stanza.NSStreams, "features") {
		return preludeError(g, violation(xmlstream.NotAuthorized, ""), true)
	}
	return nil
}

func readProceed(r *xmlstream.Reader, g *gate) error {
	e, err := r.Next()
	if err != nil {
		return preludeError(g, err, true)
	}
	if err := peerError(e); err != nil {
		return err
	}
	switch {
	case e.Is(stanza.NSTLS, "failure"):
		return cannotEncrypt(errors.New("STARTTLS failed on the other side"))
	case !isBare(e, stanza.NSTLS, "proceed"):
		return preludeError(g, violation(xmlstream.NotAuthorized, ""), true)
	case r.Buffered() > 0:
		return &DialError{Reason: ReasonBadStream, Err: errInjected} // C-4
	}
	return nil
}

// cannotEncrypt is the verdict of README 5.1 on a peer that speaks but not so
// that we could talk to it.
func cannotEncrypt(err error) error {
	return &DialError{Reason: ReasonCannotEncrypt, Err: err}
}

// preludeError turns what went wrong in clear into a verdict. A peer that broke
// the rules after a proper header is told so.
func preludeError(g *gate, err error, versioned bool) error {
	if v, ok := asViolation(err); ok {
		if versioned {
			_ = sayError(g, nil, v)
		}
		return cannotEncrypt(err)
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return cannotEncrypt(errors.New("no STARTTLS in time"))
	case errors.Is(err, xmlstream.ErrClosed):
		return cannotEncrypt(err)
	}
	return &DialError{Reason: ReasonClosed, Err: err}
}

// peerError returns the verdict on a stream error that came instead of what
// was due, else nil.
func peerError(e *xmlstream.Element) error {
	if !e.Is(stanza.NSStreams, "error") {
		return nil
	}
	reason, said := ReasonRefused, streamError(e)
	if said.Err.AppCondition == xmlstream.StrangersRefused {
		reason = ReasonStrangersRefused
	}
	return &DialError{Reason: reason, Err: said}
}
