package main

import (
	"context"
	"net"
	"path"
	"time"

	"example.com/go-service/journal"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/stats"
)

// A health service by gRPC, and who asks it.
type healthService struct {
	server     *grpc.Server
	connection *grpc.ClientConn
	client     grpc_health_v1.HealthClient
}

func startHealth(j *journal.Journal) (healthService, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return healthService{}, err
	}
	server := grpc.NewServer(grpc.StatsHandler(answers{j}))
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	go server.Serve(listener)
	transport := grpc.WithTransportCredentials(insecure.NewCredentials())
	connection, err := grpc.NewClient(listener.Addr().String(), transport)
	if err != nil {
		return healthService{}, err
	}
	return healthService{server, connection, grpc_health_v1.NewHealthClient(connection)}, nil
}

func (h healthService) close() {
	h.connection.Close()
	h.server.Stop()
}

// check asks twice by the same line.
func (h healthService) check(ctx context.Context, j *journal.Journal) error {
	for i := 0; i < 2; i++ {
		done := j.Note("rpc_client", "Check")
		_, err := h.client.Check(ctx, &grpc_health_v1.HealthCheckRequest{})
		done()
		if err != nil {
			return err
		}
	}
	return nil
}

// watch takes the first message of a stream, and leaves it.
func (h healthService) watch(ctx context.Context, j *journal.Journal) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer j.Note("rpc_client_stream", "Watch")()
	stream, err := h.client.Watch(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		return err
	}
	_, err = stream.Recv()
	return err
}

// answers notes each call that the server answers, from the first of it to its last.
type answers struct{ *journal.Journal }

type doneKey struct{}

func (a answers) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, doneKey{}, a.NoteSince(time.Now(), "rpc_server", path.Base(info.FullMethodName)))
}

func (a answers) HandleRPC(ctx context.Context, moment stats.RPCStats) {
	if _, isEnd := moment.(*stats.End); isEnd {
		ctx.Value(doneKey{}).(func())()
	}
}

func (answers) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (answers) HandleConn(context.Context, stats.ConnStats) {}
