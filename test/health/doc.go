// Package health has programs that know a set by its object alone say how it is, for
// every state that the planner's golden files know: kstatus, which Flux, Helm 4 and
// kpt ask, and Argo CD's rules, its own and the ones of docs/argocd-health.lua.
//
// It is a module of its own, as nothing else needs kstatus or Lua.
package health
