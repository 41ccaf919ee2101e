// Calls the echo service with @grpc/grpc-js and prints one line per check: "ok <name>" or "FAILED <name>: <why>".
// Usage: node echo-client.mjs <host:port> <folder of echo.proto> <folder of the grpc protos>
import assert from 'node:assert/strict';
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';

const [address, echoProtos, grpcProtos] = process.argv.slice(2);
const load = (file, folder) =>
  grpc.loadPackageDefinition(protoLoader.loadSync(file, { includeDirs: [folder], keepCase: true, enums: String, oneofs: true, defaults: true }));
const { Echo } = load('echo.proto', echoProtos).grpcruntime.tests;
const { Health } = load('grpc/health/v1/health.proto', grpcProtos).grpc.health.v1;
const reflectionV1 = load('grpc/reflection/v1/reflection.proto', grpcProtos).grpc.reflection.v1;
const reflectionV1Alpha = load('grpc/reflection/v1alpha/reflection.proto', grpcProtos).grpc.reflection.v1alpha;

const credentials = grpc.credentials.createInsecure();
const echo = new Echo(address, credentials);
const soon = () => ({ deadline: Date.now() + 20_000 });

// A unary or client-streaming call with everything it brought.
function call(invoke) {
  return new Promise((resolve) => {
    const result = {};
    const running = invoke((error, reply) => {
      result.error = error;
      result.reply = reply;
      if (result.status) resolve(result);
    });
    running.on('metadata', (headers) => (result.headers = headers));
    running.on('status', (status) => {
      result.status = status;
      if ('error' in result) resolve(result);
    });
    result.running = running;
  });
}

// Everything a stream of responses brought.
function drain(stream) {
  return new Promise((resolve) => {
    const result = { replies: [] };
    stream.on('metadata', (headers) => (result.headers = headers));
    stream.on('data', (reply) => result.replies.push(reply));
    stream.on('error', (error) => (result.error = error));
    stream.on('status', (status) => resolve({ ...result, status }));
  });
}

const checks = {
  async unary() {
    const { reply, status } = await call((done) => echo.Unary({ text: 'hello', payload: Buffer.from([1, 2, 3]) }, soon(), done));
    assert.equal(reply.text, 'hello');
    assert.deepEqual([...reply.payload], [1, 2, 3]);
    assert.equal(status.code, grpc.status.OK);
  },

  async large_message() {
    const payload = Buffer.alloc(3_000_000, 7);
    const { reply } = await call((done) => echo.Unary({ payload }, soon(), done));
    assert.ok(payload.equals(reply.payload));
  },

  async client_stream() {
    const { reply } = await call((done) => {
      const stream = echo.Collect(new grpc.Metadata(), soon(), done);
      for (const text of ['a', 'b', 'c']) stream.write({ text });
      stream.end();
      return stream;
    });
    assert.deepEqual([reply.text, reply.index], ['abc', 3]);
  },

  async server_stream() {
    const { replies, status } = await drain(echo.Expand({ text: 'x', count: 1000 }, soon()));
    assert.equal(status.code, grpc.status.OK);
    assert.deepEqual(replies.map((reply) => reply.index), [...Array(1000).keys()]);
  },

  async duplex() {
    const stream = echo.Chat(soon());
    const got = [];
    const ended = new Promise((resolve, reject) => stream.on('end', resolve).on('error', reject));
    // Each request waits for the reply to the one before it.
    stream.on('data', (reply) => {
      got.push(reply.text);
      if (got.length < 5) stream.write({ text: `m${got.length}` });
      else stream.end();
    });
    stream.write({ text: 'm0' });
    await ended;
    assert.deepEqual(got, ['m0', 'm1', 'm2', 'm3', 'm4']);
  },

  async deadline() {
    const started = Date.now();
    const { error } = await call((done) => echo.Unary({ delay_milliseconds: 30_000 }, { deadline: Date.now() + 300 }, done));
    assert.equal(error.code, grpc.status.DEADLINE_EXCEEDED);
    assert.ok(Date.now() - started < 10_000);
  },

  async cancel() {
    const { error } = await call((done) => {
      const running = echo.Unary({ delay_milliseconds: 30_000 }, soon(), done);
      setTimeout(() => running.cancel(), 100);
      return running;
    });
    assert.equal(error.code, grpc.status.CANCELLED);
  },

  async metadata() {
    const sent = new grpc.Metadata();
    sent.add('x-echo-text', 'one');
    sent.add('x-echo-text', 'two');
    sent.add('x-echo-data-bin', Buffer.from([0, 255, 1]));
    sent.add('x-echo-data-bin', Buffer.from([2]));
    sent.add('x-trail-text', 'tail');
    sent.add('x-trail-data-bin', Buffer.from([9, 8]));
    const { headers, status } = await call((done) => echo.Unary({ text: 'm' }, sent, soon(), done));
    assert.deepEqual(headers.get('x-echo-text').join(', '), 'one, two');
    assert.deepEqual(headers.get('x-echo-data-bin').map((value) => [...value]), [[0, 255, 1], [2]]);
    assert.deepEqual(status.metadata.get('x-trail-text'), ['tail']);
    assert.deepEqual(status.metadata.get('x-trail-data-bin').map((value) => [...value]), [[9, 8]]);
  },

  async error_details() {
    const details = Buffer.from('any bytes');
    const request = { status_code: 9, status_detail: 'not so: 100 % of it, ünïcode', payload: details };
    const { error } = await call((done) => echo.Unary(request, soon(), done));
    assert.equal(error.code, grpc.status.FAILED_PRECONDITION);
    assert.equal(error.details, request.status_detail);
    assert.ok(details.equals(error.metadata.get('grpc-status-details-bin')[0]));
  },

  async error_after_messages() {
    // grpc-js gives up messages that it has not handed out yet when an error comes: hence the delay.
    const { replies, status } = await drain(echo.Expand({ text: 'x', count: 3, delay_milliseconds: 300, status_code: 5, status_detail: 'gone' }, soon()));
    assert.equal(replies.length, 3);
    assert.deepEqual([status.code, status.details], [grpc.status.NOT_FOUND, 'gone']);
  },

  async unknown_method() {
    const client = new grpc.Client(address, credentials);
    const identity = (value) => value;
    const invoke = (path) => call((done) => client.makeUnaryRequest(path, identity, identity, Buffer.alloc(0), new grpc.Metadata(), soon(), done));
    assert.equal((await invoke('/grpcruntime.tests.Echo/Nothing')).error.code, grpc.status.UNIMPLEMENTED);
    assert.equal((await invoke('/grpcruntime.tests.Nobody/Unary')).error.code, grpc.status.UNIMPLEMENTED);
    client.close();
  },

  async gzip() {
    const compressed = new Echo(address, credentials, { 'grpc.default_compression_algorithm': 2 });
    const text = 'again and again '.repeat(5000);
    const { reply } = await call((done) => compressed.Unary({ text }, soon(), done));
    assert.equal(reply.text, text);
    const { replies } = await drain(compressed.Expand({ text, count: 3 }, soon()));
    assert.deepEqual(replies.map((each) => each.text), [text, text, text]);
    compressed.close();
  },

  async health() {
    const health = new Health(address, credentials);
    const { reply } = await call((done) => health.Check({ service: '' }, soon(), done));
    assert.equal(reply.status, 'SERVING');
    const { error } = await call((done) => health.Check({ service: 'nobody' }, soon(), done));
    assert.equal(error.code, grpc.status.NOT_FOUND);
    const watch = health.Watch({ service: 'nobody' }, soon());
    watch.on('error', () => {});
    const first = await new Promise((resolve) => watch.once('data', resolve));
    assert.equal(first.status, 'SERVICE_UNKNOWN');
    watch.cancel();
    health.close();
  },

  async reflection() {
    for (const { ServerReflection } of [reflectionV1, reflectionV1Alpha]) {
      const client = new ServerReflection(address, credentials);
      const stream = client.ServerReflectionInfo(soon());
      const answers = drain(stream);
      stream.write({ list_services: '*' });
      stream.write({ file_containing_symbol: 'grpcruntime.tests.Echo' });
      stream.write({ file_containing_symbol: 'nothing.of.the.kind' });
      stream.end();
      const { replies, status } = await answers;
      assert.equal(status.code, grpc.status.OK);
      assert.ok(replies[0].list_services_response.service.some((service) => service.name === 'grpcruntime.tests.Echo'));
      assert.equal(replies[1].file_descriptor_response.file_descriptor_proto.length, 1);
      assert.equal(replies[2].error_response.error_code, grpc.status.NOT_FOUND);
      client.close();
    }
  },
};

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
    console.log(`ok ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAILED ${name}: ${error.message?.replaceAll('\n', ' ')}`);
  }
}
echo.close();
console.log(`${Object.keys(checks).length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
