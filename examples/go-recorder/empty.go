package main

func init() {
	scenarios["empty"] = scenario{
		about: "nothing between start and stop",
		run: func(r *recorder) error {
			return r.record(func() error { return nil })
		},
	}
}
