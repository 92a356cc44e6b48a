package trust

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"llchat/internal/safetext"
)

// ghostName is what everybody without a name sends as "from" (README 5.4). It
// is no claim, or all of them would look like each other.
const ghostName = "x@x.invalid"

// maxAddr is enough for an IPv6 address with zone and port.
const maxAddr = 96

// clean is a claim as it would be shown.
func clean(claim string) string { return safetext.Name(claim).String() }

// cleanNames keeps the first names that are claims at all.
func cleanNames(claims []string) []string {
	var names []string
	for _, claim := range claims {
		name := clean(claim)
		if name == "" || claim == ghostName || slices.Contains(names, name) {
			continue
		}
		if names = append(names, name); len(names) == maxNames {
			break
		}
	}
	return names
}

// userPart is what stands before the last @: an instance name or a "from" is
// user@machine, a nick is all user.
func userPart(claim string) string {
	if i := strings.LastIndexByte(claim, '@'); i >= 0 {
		return claim[:i]
	}
	return claim
}

// key is equal for names that a reader may take for one another.
func key(name string) string {
	shown := clean(name)
	if skeleton := safetext.Skeleton(shown); skeleton != "" || shown == "" {
		return skeleton
	}
	// Signs without a skeleton look like themselves only.
	return "=" + shown
}

// keys are all that a claim may be taken for: the whole and its user part.
func keys(claim string) []string {
	if claim == ghostName {
		return nil
	}
	var out []string
	for _, part := range []string{claim, userPart(claim)} {
		if k := key(part); k != "" && !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return out
}

// suggest makes a petname from claims. label is used when they hold nothing.
func suggest(claims []string, label string) string {
	for _, claim := range claims {
		if name := clean(userPart(claim)); name != "" && claim != ghostName {
			return name
		}
	}
	return "peer " + label
}

// numbered returns name, or name with the first of the endings " (2)", " (3)"
// and so on that is free.
func numbered(name string, taken func(string) bool) string {
	for n := 1; ; n++ {
		try := name
		if n > 1 {
			try = withEnding(name, " ("+strconv.Itoa(n)+")")
		}
		if !taken(try) {
			return try
		}
	}
}

// withEnding cuts name so that name and ending stay within what a name may
// have (L-27).
func withEnding(name, ending string) string {
	for {
		whole := name + ending
		if name == "" || clean(whole) == whole {
			return whole
		}
		_, size := utf8.DecodeLastRuneInString(name)
		name = strings.TrimRight(name[:len(name)-size], " ")
	}
}

// newest puts the claims in front of what was known.
func newest(claims, known []string) []string {
	names := cleanNames(claims)
	for _, name := range known {
		if len(names) < maxNames && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// cleanAddr returns the one form of an address with or without port, or "".
func cleanAddr(addr string) string {
	if len(addr) > maxAddr || strings.ContainsFunc(addr, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	if ap, err := netip.ParseAddrPort(addr); err == nil {
		return ap.String()
	}
	if a, err := netip.ParseAddr(addr); err == nil {
		return a.String()
	}
	return ""
}

// stamp is a time as the file keeps it: to the second, in a year that JSON
// can say, however wrong the clock is.
func stamp(now time.Time) time.Time {
	now = now.UTC().Truncate(time.Second)
	if now.Year() < 1 || now.Year() > 9999 {
		return time.Unix(0, 0).UTC()
	}
	return now
}
