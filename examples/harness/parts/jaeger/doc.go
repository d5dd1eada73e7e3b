// Package jaeger pins Jaeger, whose command is this module's tool.
//
// There is no main of ours as for the other parts: Jaeger's parts are internal packages, which nobody else may import, so
// its own command is built. It is Jaeger v2.13.0. The tags v2.x of its repository are no versions of a module whose path
// does not end in /v2, so the module proxy has none of them; v1.76.0 is a tag of the same commit.
package jaeger
