// Package lab holds the tests on real networks: hosts in network namespaces
// of their own on one switch, the llchat binary, Debian's Avahi, Finch,
// python3-zeroconf and openssl, and tcpdump over it all. Root is needed; no
// packet leaves the machine and no service of the machine is touched.
//
//	go test -tags lab ./test/lab
//	go test -tags lab -run '^$' -bench . ./test/lab
//
// See docs/testing.md.
package lab
