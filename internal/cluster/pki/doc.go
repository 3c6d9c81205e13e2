// Package pki makes the cluster's certificates, keys and kubeconfigs.
//
// It promises: private keys and kubeconfigs are 0600; a certificate is made on
// first start and made again when less than 30 days of it remain, when its
// names or addresses changed, or when it was not signed by the authority at
// hand; authorities and the service account key are never replaced, since
// everything the cluster has signed hangs on them.
//
// Two authorities are made: one for clients and servers, and one for the API
// aggregator's front proxy alone, because whoever holds a certificate of the
// latter may speak in anybody's name.
package pki
