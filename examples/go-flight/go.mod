module example.com/go-flight

go 1.25
