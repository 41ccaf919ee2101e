// The interoperability cases of gRPC on @grpc/grpc-js, against the server at an address. Prints one line per case:
// "ok <name>" or "FAILED <name>: <why>".
// Usage: node interop-client.mjs <folder of protos> <host:port>
import assert from 'node:assert/strict';
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';

const [protos, address] = process.argv.slice(2);
const definition = protoLoader.loadSync('grpc/testing/test.proto', { includeDirs: [protos], keepCase: true, defaults: true });
const { TestService, UnimplementedService } = grpc.loadPackageDefinition(definition).grpc.testing;
const insecure = grpc.credentials.createInsecure();
const plain = new TestService(address, insecure);
const gzip = new TestService(address, insecure, { 'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip });

const zeros = (size) => ({ body: Buffer.alloc(size) });
const isZeros = (payload, size) => assert.ok(payload.body.equals(Buffer.alloc(size)), `payload of ${payload.body.length} bytes`);
const yes = { value: true };
const no = { value: false };
const noCompress = 2;

let current;
const metadata = (entries = {}) => {
  const result = new grpc.Metadata();
  for (const [key, value] of Object.entries({ 'x-case': current, ...entries })) result.set(key, value);
  return result;
};
const soon = (milliseconds = 20_000) => ({ deadline: Date.now() + milliseconds });

const unary = (client, method, request, headers = metadata()) =>
  new Promise((resolve) => {
    const seen = {};
    const call = client[method](request, headers, soon(), (error, reply) => Object.assign(seen, { error, reply }));
    call.on('metadata', (initial) => (seen.initial = initial));
    call.on('status', (status) => setImmediate(() => resolve({ ...seen, status })));
  });

const succeeded = ({ error, reply }) => {
  assert.ifError(error);
  return reply;
};

// All responses of a stream, with the status at its end; onReply sees each when it comes.
const drain = (stream, onReply = () => {}) =>
  new Promise((resolve) => {
    const seen = { replies: [] };
    stream.on('metadata', (initial) => (seen.initial = initial));
    stream.on('data', (reply) => {
      seen.replies.push(reply);
      onReply(reply);
    });
    stream.on('error', (error) => (seen.error = error));
    stream.on('status', (status) => resolve({ ...seen, status }));
  });

// A client stream and what it ends with.
const collect = (client) => {
  const seen = {};
  const ended = new Promise((resolve) => {
    seen.stream = client.StreamingInputCall(metadata(), soon(), (error, reply) => resolve({ error, reply }));
  });
  return { stream: seen.stream, ended };
};

const answersWith = async (message) => {
  const response_status = { code: grpc.status.UNKNOWN, message };
  const { status } = await unary(plain, 'UnaryCall', { response_status });
  assert.deepEqual([status.code, status.details], [grpc.status.UNKNOWN, message]);
  const stream = plain.FullDuplexCall(metadata(), soon());
  stream.write({ response_status });
  stream.end();
  const duplex = await drain(stream);
  assert.deepEqual([duplex.status.code, duplex.status.details], [grpc.status.UNKNOWN, message]);
};

const cases = {
  async empty_unary() {
    assert.deepEqual(succeeded(await unary(plain, 'EmptyCall', {})), {});
  },
  async cacheable_unary() {
    const request = { response_size: 100, payload: { body: Buffer.from('0') } };
    const headers = () => metadata({ 'x-user-ip': '1.2.3.4' });
    const first = succeeded(await unary(plain, 'CacheableUnaryCall', request, headers()));
    assert.deepEqual(succeeded(await unary(plain, 'CacheableUnaryCall', request, headers())), first);
  },
  async large_unary() {
    isZeros(succeeded(await unary(plain, 'UnaryCall', { response_size: 314159, payload: zeros(271828) })).payload, 314159);
  },
  async client_compressed_unary() {
    const request = (expect_compressed) => ({ response_size: 314159, payload: zeros(271828), expect_compressed });
    assert.equal((await unary(plain, 'UnaryCall', request(yes))).status.code, grpc.status.INVALID_ARGUMENT);
    isZeros(succeeded(await unary(gzip, 'UnaryCall', request(yes))).payload, 314159);
    isZeros(succeeded(await unary(plain, 'UnaryCall', request(no))).payload, 314159);
  },
  async server_compressed_unary() {
    for (const response_compressed of [yes, no]) {
      isZeros(succeeded(await unary(plain, 'UnaryCall', { response_size: 314159, payload: zeros(271828), response_compressed })).payload, 314159);
    }
  },
  async client_streaming() {
    const { stream, ended } = collect(plain);
    for (const size of [27182, 8, 1828, 45904]) stream.write({ payload: zeros(size) });
    stream.end();
    assert.equal(succeeded(await ended).aggregated_payload_size, 74922);
  },
  async client_compressed_streaming() {
    const probe = collect(plain);
    probe.stream.write({ payload: zeros(27182), expect_compressed: yes });
    assert.equal((await probe.ended).error?.code, grpc.status.INVALID_ARGUMENT);
    const { stream, ended } = collect(gzip);
    await new Promise((written) => stream.write({ payload: zeros(27182), expect_compressed: yes }, written));
    // Node's streams have no flags for a message: the call below has.
    const request = { payload: zeros(45904), expect_compressed: no };
    await new Promise((written) => stream.call.sendMessageWithContext({ flags: noCompress, callback: written }, request));
    stream.end();
    assert.equal(succeeded(await ended).aggregated_payload_size, 73086);
  },
  async server_streaming() {
    const sizes = [31415, 9, 2653, 58979];
    const { replies, status } = await drain(plain.StreamingOutputCall({ response_parameters: sizes.map((size) => ({ size })) }, metadata(), soon()));
    assert.equal(status.code, grpc.status.OK);
    assert.equal(replies.length, sizes.length);
    replies.forEach((reply, i) => isZeros(reply.payload, sizes[i]));
  },
  async server_compressed_streaming() {
    const request = { response_parameters: [{ size: 31415, compressed: yes }, { size: 92653, compressed: no }] };
    const { replies, status } = await drain(plain.StreamingOutputCall(request, metadata(), soon()));
    assert.equal(status.code, grpc.status.OK);
    assert.equal(replies.length, 2);
    isZeros(replies[0].payload, 31415);
    isZeros(replies[1].payload, 92653);
  },
  async ping_pong() {
    const requests = [27182, 8, 1828, 45904];
    const responses = [31415, 9, 2653, 58979];
    const stream = plain.FullDuplexCall(metadata(), soon());
    let sent = 0;
    const next = () => {
      if (sent === requests.length) return stream.end();
      stream.write({ response_parameters: [{ size: responses[sent] }], payload: zeros(requests[sent]) });
      sent++;
    };
    next();
    const { replies, status } = await drain(stream, next);
    assert.equal(status.code, grpc.status.OK);
    assert.deepEqual(replies.map((reply) => reply.payload.body.length), responses);
  },
  async empty_stream() {
    const stream = plain.FullDuplexCall(metadata(), soon());
    stream.end();
    const { replies, status } = await drain(stream);
    assert.deepEqual([replies.length, status.code], [0, grpc.status.OK]);
  },
  async custom_metadata() {
    const entries = { 'x-grpc-test-echo-initial': 'test_initial_metadata_value', 'x-grpc-test-echo-trailing-bin': Buffer.from('ababab', 'hex') };
    const check = ({ initial, status }) => {
      assert.equal(status.code, grpc.status.OK);
      assert.deepEqual(initial.get('x-grpc-test-echo-initial'), ['test_initial_metadata_value']);
      assert.deepEqual(status.metadata.get('x-grpc-test-echo-trailing-bin'), [Buffer.from('ababab', 'hex')]);
    };
    check(await unary(plain, 'UnaryCall', { response_size: 314159, payload: zeros(271828) }, metadata(entries)));
    const stream = plain.FullDuplexCall(metadata(entries), soon());
    stream.write({ response_parameters: [{ size: 314159 }], payload: zeros(271828) });
    stream.end();
    check(await drain(stream));
  },
  status_code_and_message: () => answersWith('test status message'),
  special_status_message: () => answersWith('\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \u{1f608}\t\n'),
  async unimplemented_method() {
    assert.equal((await unary(plain, 'UnimplementedCall', {})).status.code, grpc.status.UNIMPLEMENTED);
  },
  async unimplemented_service() {
    assert.equal((await unary(new UnimplementedService(address, insecure), 'UnimplementedCall', {})).status.code, grpc.status.UNIMPLEMENTED);
  },
  async cancel_after_begin() {
    const { stream, ended } = collect(plain);
    // The headers leave with the next turn of the loop; the server is to see the call.
    setTimeout(() => stream.cancel(), 50);
    assert.equal((await ended).error?.code, grpc.status.CANCELLED);
  },
  async cancel_after_first_response() {
    const stream = plain.FullDuplexCall(metadata(), soon());
    stream.write({ response_parameters: [{ size: 31415 }], payload: zeros(27182) });
    const { replies, status } = await drain(stream, () => stream.cancel());
    assert.deepEqual([replies.length, status.code], [1, grpc.status.CANCELLED]);
  },
  async timeout_on_sleeping_server() {
    const stream = plain.FullDuplexCall(metadata(), soon(50));
    stream.write({ payload: zeros(27182) });
    assert.equal((await drain(stream)).status.code, grpc.status.DEADLINE_EXCEEDED);
  },
};

let failed = 0;
for (const [name, run] of Object.entries(cases)) {
  current = name;
  try {
    await run();
    console.log(`ok ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAILED ${name}: ${error.stack}`);
  }
}
process.exit(failed === 0 ? 0 : 1);
