module example.com/go-overhead

go 1.25

require example.com/go-flight v0.0.0

replace example.com/go-flight => ../go-flight
