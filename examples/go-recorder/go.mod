module example.com/go-recorder

go 1.22
