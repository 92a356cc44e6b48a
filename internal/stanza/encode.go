package stanza

func (m Message) append(dst []byte) []byte     { return dst }
func (p Presence) append(dst []byte) []byte    { return dst }
func (q IQ) append(dst []byte) []byte          { return dst }
func (f Features) append(dst []byte) []byte    { return dst }
func (s StreamError) append(dst []byte) []byte { return dst }
