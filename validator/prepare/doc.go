// Package prepare says where the fees of blocks go, and tells the beacon nodes.
//
// Layer: 5. It imports validator/duties, beacon/{apiclient,params,types}.
//
// Fees go to the account that is configured for a key, else to the one for all keys, else to the account that the validator's withdrawals go to, where its
// credentials name one. Nodes are told every epoch, when there are other validators than before, and in the slot before a proposal of ours, as a node that
// was started again has forgotten it.
//
// Goroutines: Run is one loop; it owns what was told.
//
// Specification: bellatrix/validator.md, beacon-APIs (prepareBeaconProposer).
package prepare
