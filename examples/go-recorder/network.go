package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

func init() {
	scenarios["network"] = scenario{
		about: "TCP and UDP over loopback: accept, echo, deadline",
		run:   runNetwork,
	}
}

func runNetwork(r *recorder) error {
	return r.record(func() error {
		if err := echoTCP(); err != nil {
			return err
		}
		return deadlineUDP()
	})
}

func echoTCP() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer listener.Close()
	served := make(chan error)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			_, err = io.Copy(conn, conn)
			conn.Close()
		}
		served <- err
	}()

	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		return err
	}
	answer := make([]byte, 4)
	for i := 0; i < 5; i++ {
		if _, err := conn.Write([]byte("ping")); err != nil {
			return err
		}
		if _, err := io.ReadFull(conn, answer); err != nil {
			return err
		}
	}
	conn.Close()
	return <-served
}

// deadlineUDP waits for a packet that never comes: the timer, not the network,
// ends a wait for the network.
func deadlineUDP() error {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(2 * time.Millisecond)); err != nil {
		return err
	}
	_, _, err = conn.ReadFrom(make([]byte, 1))
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("reading past the deadline: %v", err)
	}
	return nil
}
