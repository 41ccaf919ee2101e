using System.Net;
using System.Net.Sockets;
using Grpc.Core;
using Grpc.Net.Client;
using Kpm.Server.Accounts.Passwords;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Kpm.Server.Tests.Guard;

/// <summary>
/// One account under a storm of guesses from 1,000 addresses of this machine, over ten hours of the server's clock, by
/// programs of which some have people who read every picture for them.
/// </summary>
public sealed class StormTests
{
    private const int Addresses = 1_000;
    private const int Workers = 48;
    private const int MostEvaluated = 100;
    private static readonly TimeSpan Duration = TimeSpan.FromHours(10);

    /// <summary>A million on demand.</summary>
    private static readonly int GuessesEach = Environment.GetEnvironmentVariable("KPM_TEST_LONG") is null ? 100 : 1_000;

    [Fact]
    public async Task A_hundred_passwords_at_most_are_evaluated_and_the_owner_still_signs_in()
    {
        var time = new FakeTime();
        var evaluated = new Evaluations();
        await using var server = await TestServer.StartAsync(time, adjust: services => services.Replace(
            ServiceDescriptor.Singleton<IPasswordHasher>(s => new CountingHasher(ActivatorUtilities.CreateInstance<BcryptPasswordHasher>(s), evaluated))));
        using var owner = await server.CreateActiveAsync();
        var email = owner.Account!.Email;
        evaluated.Reset();

        var storm = new Storm(server, time, email);
        await Parallel.ForAsync(0, Addresses, new ParallelOptions { MaxDegreeOfParallelism = Workers, CancellationToken = TestContext.Current.CancellationToken }, async (i, stop) =>
        {
            await storm.GuessAsync(i, stop);
            if (i % 50 == 0)
            {
                // Amid the storm, from one of its own addresses.
                using var channel = ChannelFrom(server, i);
                using var standing = storm.HoldTime();
                var response = await new AccountService.AccountServiceClient(channel).SignInAsync(owner.ProvenSignInRequest(email), deadline: DateTime.UtcNow.AddMinutes(1), cancellationToken: stop);
                Assert.Equal(SignInResponse.OutcomeOneofCase.SignedIn, response.OutcomeCase);
                evaluated.Forget();
            }
        });

        TestContext.Current.SendDiagnosticMessage($"{storm.Guesses:N0} guesses: {evaluated.Count} evaluated, {storm.Demanded:N0} met by a picture, {storm.Delayed:N0} told to wait; {server.Pictures.Drawn:N0} pictures drawn");
        Assert.Equal(Addresses * GuessesEach, storm.Guesses);
        Assert.Equal(storm.Guesses, storm.Evaluated + storm.Demanded + storm.Delayed);
        Assert.Equal(storm.Evaluated, evaluated.Count);
        Assert.InRange(evaluated.Count, 5, MostEvaluated);
        Assert.NotEqual(0, storm.Demanded);
        Assert.NotEqual(0, storm.Delayed);
    }

    /// <summary>A connection whose source is 127.0.x.y.</summary>
    private static GrpcChannel ChannelFrom(TestServer server, int number) => GrpcChannel.ForAddress(server.Address, new GrpcChannelOptions
    {
        DisposeHttpClient = true,
        HttpHandler = new SocketsHttpHandler
        {
            UseProxy = false,
            ConnectCallback = async (context, cancellationToken) =>
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                try
                {
                    socket.Bind(new IPEndPoint(new IPAddress([127, 0, (byte)(1 + (number / 250)), (byte)(1 + (number % 250))]), 0));
                    await socket.ConnectAsync(context.DnsEndPoint, cancellationToken);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            },
        },
    });

    /// <summary>What became of the guesses.</summary>
    private sealed class Storm(TestServer server, FakeTime time, string email)
    {
        private readonly TimeSpan _step = Duration / (Addresses * (double)GuessesEach);
        private readonly Lock _clock = new();
        private int _owed;
        private int _holds;
        private int _guesses;
        private int _evaluated;
        private int _demanded;
        private int _delayed;

        public int Guesses => _guesses;

        public int Evaluated => _evaluated;

        public int Demanded => _demanded;

        public int Delayed => _delayed;

        /// <summary>All guesses of one address; every second address has readers.</summary>
        public async Task GuessAsync(int address, CancellationToken cancellationToken)
        {
            using var channel = ChannelFrom(server, address);
            var accounts = new AccountService.AccountServiceClient(channel);
            using var device = new TestDevice(time);
            var request = device.SignInRequest(email);
            for (var i = 0; i < GuessesEach; i++)
            {
                PassTime();
                Interlocked.Increment(ref _guesses);
                request.Password = $"Guess-{address}-{i}";
                request.SecurityCheck = null;
                var required = await TryAsync(accounts, request, cancellationToken);
                if (required is not null && address % 2 == 0)
                {
                    request.SecurityCheck = server.Pictures.Answer(required);
                    required = await TryAsync(accounts, request, cancellationToken);
                }

                if (required is not null)
                {
                    Interlocked.Increment(ref _demanded);
                }
            }
        }

        /// <summary>
        /// The guesses go on, but the server's clock waits: it would run past the minute that the owner's proof is good for, when this
        /// machine is so busy that the call takes as long as a few hundred guesses.
        /// </summary>
        public IDisposable HoldTime()
        {
            lock (_clock)
            {
                _holds++;
            }

            return new Held(this);
        }

        private void PassTime()
        {
            lock (_clock)
            {
                _owed++;
                if (_holds == 0)
                {
                    time.Advance(_step * _owed);
                    _owed = 0;
                }
            }
        }

        private sealed class Held(Storm storm) : IDisposable
        {
            public void Dispose()
            {
                lock (storm._clock)
                {
                    storm._holds--;
                }
            }
        }

        private async Task<SecurityCheckRequired?> TryAsync(AccountService.AccountServiceClient accounts, SignInRequest request, CancellationToken cancellationToken)
        {
            try
            {
                var response = await accounts.SignInAsync(request, deadline: DateTime.UtcNow.AddMinutes(1), cancellationToken: cancellationToken);
                return response.SecurityCheckRequired ?? throw new InvalidOperationException("A guess signed in.");
            }
            catch (RpcException e)
            {
                switch (RefusedCall.Of(e).Info.Reason)
                {
                    case "WRONG_CREDENTIALS":
                        Interlocked.Increment(ref _evaluated);
                        break;
                    case "RATE_LIMITED":
                        Interlocked.Increment(ref _delayed);
                        break;
                    default:
                        throw;
                }

                return null;
            }
        }
    }

    /// <summary>How many passwords were held against an account's hash.</summary>
    private sealed class Evaluations
    {
        private int _count;

        public int Count => _count;

        public void Add() => Interlocked.Increment(ref _count);

        /// <summary>One was the owner's.</summary>
        public void Forget() => Interlocked.Decrement(ref _count);

        public void Reset() => _count = 0;
    }

    private sealed class CountingHasher(IPasswordHasher inner, Evaluations evaluations) : IPasswordHasher
    {
        public string Hash(string password) => inner.Hash(password);

        public bool Verify(string password, string hash)
        {
            evaluations.Add();
            return inner.Verify(password, hash);
        }

        public bool IsOutdated(string hash) => inner.IsOutdated(hash);
    }
}
