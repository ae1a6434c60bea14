// Package client puts a validator client together: it reads keys, opens slashing protection, waits for beacon nodes and runs the duties. It decides nothing.
//
// Layer: 7. It imports all of validator/*, keystore and beacon/{apiclient,clock,metrics,params,types}.
//
//	config.go   Config and what of it is wrong
//	client.go   Run: in order up, in reverse down
//	keys.go     keystores, locks and slashing protection
//	gloas.go    a warning of the fork whose duties are not all done
//	serve.go    metrics
//
// Goroutines: Run owns all of them and waits for them.
package client
