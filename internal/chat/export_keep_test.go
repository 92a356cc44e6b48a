package chat

// HasKey reports whether the node has the key of its profile.
func HasKey(n *Node) bool {
	_, err := n.prof.StoreKey()
	return err == nil
}
