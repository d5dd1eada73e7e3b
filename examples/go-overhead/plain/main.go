// Command plain is the service, and nothing traces it.
package main

import (
	"flag"
	"log"

	"example.com/go-overhead/service"
)

func main() {
	flags := service.AddFlags()
	flag.Parse()
	if err := service.Serve(flags.Listen, service.New(service.Untraced)); err != nil {
		log.Fatal(err)
	}
}
