package safetext

import (
	"maps"
	"slices"
	"sync"
	"unicode"
)

// eastAsian scripts are written together in one name.
var eastAsian = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo,
}

// scripts returns every script but Common and Inherited, the usual ones first.
var scripts = sync.OnceValue(func() []*unicode.RangeTable {
	usual := []string{"Latin", "Cyrillic", "Greek", "Han", "Arabic"}
	names := slices.Sorted(maps.Keys(unicode.Scripts))
	names = slices.DeleteFunc(names, func(n string) bool {
		return n == "Common" || n == "Inherited" || slices.Contains(usual, n)
	})
	var tables []*unicode.RangeTable
	for _, n := range append(usual, names...) {
		tables = append(tables, unicode.Scripts[n])
	}
	return tables
})

// scriptOf returns the script of a letter; nil for letters of no one script.
// The scripts of East Asia count as one.
func scriptOf(r rune) *unicode.RangeTable {
	for _, t := range scripts() {
		if unicode.Is(t, r) {
			if slices.Contains(eastAsian, t) {
				return unicode.Han
			}
			return t
		}
	}
	return nil
}

// Mixed reports whether name has letters of more than one script: a sign that
// it may imitate another one. Han, kana, Hangul and Bopomofo count as one.
func Mixed(name string) bool {
	var first *unicode.RangeTable
	for _, r := range name {
		if !unicode.IsLetter(r) {
			continue
		}
		switch t := scriptOf(r); {
		case t == nil:
		case first == nil:
			first = t
		case t != first:
			return true
		}
	}
	return false
}
