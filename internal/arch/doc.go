// Package arch holds the rules of the house as tests: which room may use
// which. It is empty otherwise. The linter has the same rules
// (.golangci.yml); two guards, because this one is the contract and that one
// tells it while you type.
package arch
