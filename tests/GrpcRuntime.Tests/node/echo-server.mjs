// The echo service on grpc-js, for the C# client to call. Prints its port; ends when its input does.
// usage: node echo-server.mjs <folder of protos> [gzip]
import * as grpc from '@grpc/grpc-js';
import * as protoLoader from '@grpc/proto-loader';

const [folder, compression] = process.argv.slice(2);
const definition = protoLoader.loadSync('echo.proto', { includeDirs: [folder], keepCase: true, defaults: true });
const { Echo } = grpc.loadPackageDefinition(definition).grpcruntime.tests;

const reply = (request, index = 0) => ({ text: request.text, payload: request.payload, index });

// Gives the caller's own metadata back: x-echo in the headers, x-echo-bin in the trailers.
function echoMetadata(call) {
  const headers = new grpc.Metadata();
  for (const value of call.metadata.get('x-echo')) {
    headers.add('x-echo', value);
  }
  call.sendMetadata(headers);
  const trailers = new grpc.Metadata();
  for (const value of call.metadata.get('x-echo-bin')) {
    trailers.add('x-echo-bin', value);
  }
  return trailers;
}

const failure = (request, metadata) =>
  Object.assign(new Error(request.status_detail), { code: request.status_code, details: request.status_detail, metadata });

const server = new grpc.Server({
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  ...(compression === 'gzip' ? { 'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip } : {}),
});

server.addService(Echo.service, {
  Unary(call, callback) {
    const { request } = call;
    if (request.status_code !== 0) {
      const metadata = new grpc.Metadata();
      metadata.set('grpc-status-details-bin', Buffer.from([8, request.status_code]));
      callback(failure(request, metadata));
      return;
    }
    setTimeout(() => callback(null, reply(request), echoMetadata(call)), request.delay_milliseconds);
  },
  Collect(call, callback) {
    const texts = [];
    call.on('data', (request) => texts.push(request.text));
    call.on('end', () => callback(null, { text: texts.join(',') }));
  },
  Expand(call) {
    const { request } = call;
    for (let i = 0; i < request.count; i++) {
      call.write(reply(request, i));
    }
    if (request.status_code !== 0) {
      call.emit('error', failure(request, new grpc.Metadata()));
    } else if (request.delay_milliseconds === 0) {
      call.end();
    }
  },
  Chat(call) {
    let index = 0;
    call.on('data', (request) => call.write(reply(request, index++)));
    call.on('end', () => call.end());
  },
});

server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) {
    throw error;
  }
  console.log(`port ${port}`);
});

process.stdin.on('end', () => process.exit(0));
process.stdin.resume();
