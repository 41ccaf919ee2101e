// The server of gRPC's interoperability tests on @grpc/grpc-js. Prints its port; ends when its input does.
// It never compresses what it sends: grpc-js servers cannot.
// Usage: node interop-server.mjs <folder of protos>
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';

const [protos] = process.argv.slice(2);
const definition = protoLoader.loadSync('grpc/testing/test.proto', { includeDirs: [protos], keepCase: true, defaults: true });
const { TestService } = grpc.loadPackageDefinition(definition).grpc.testing;

const zeros = (size) => ({ body: Buffer.alloc(size) });

// Sends the headers that the caller wants back, and gives the trailers.
function echo(call) {
  const [initial] = call.metadata.get('x-grpc-test-echo-initial');
  const headers = new grpc.Metadata();
  if (initial !== undefined) headers.set('x-grpc-test-echo-initial', initial);
  call.sendMetadata(headers);
  const trailers = new grpc.Metadata();
  for (const value of call.metadata.get('x-grpc-test-echo-trailing-bin')) trailers.add('x-grpc-test-echo-trailing-bin', value);
  return trailers;
}

function unary(call, callback) {
  const trailers = echo(call);
  const { response_status: status, response_size: size } = call.request;
  if (status) callback({ code: status.code, details: status.message, metadata: trailers });
  else callback(null, { payload: zeros(size) }, trailers);
}

function answer(stream, request, trailers) {
  if (request.response_status) {
    stream.emit('error', { code: request.response_status.code, details: request.response_status.message, metadata: trailers });
    return;
  }
  for (const { size } of request.response_parameters) stream.write({ payload: zeros(size) });
}

const server = new grpc.Server();
server.addService(TestService.service, {
  EmptyCall: (call, callback) => callback(null, {}),
  UnaryCall: unary,
  CacheableUnaryCall: unary,
  StreamingOutputCall(call) {
    const trailers = echo(call);
    answer(call, call.request, trailers);
    call.end(trailers);
  },
  StreamingInputCall(call, callback) {
    let aggregated_payload_size = 0;
    call.on('data', (request) => (aggregated_payload_size += request.payload.body.length));
    call.on('end', () => callback(null, { aggregated_payload_size }));
  },
  FullDuplexCall(call) {
    const trailers = echo(call);
    call.on('data', (request) => answer(call, request, trailers));
    call.on('end', () => call.end(trailers));
  },
});
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.log(`port ${port}`);
});

process.stdin.on('end', () => process.exit(0));
process.stdin.resume();
