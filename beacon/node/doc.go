// Package node puts a beacon node together: it reads what the configuration names, builds the parts from the bottom up, runs them,
// and ends them in reverse. It decides nothing about the chain.
//
// Layer: 8. Run and Import own all goroutines of the node.
package node
