using Grpc.Core;
using Kpm.Server.Messaging;
using Kpm.Server.Storage;
using Kpm.Server.Tests.Hosting;
using Kpm.Server.Verification.Checks;
using Kpm.V1;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;

namespace Kpm.Server.Tests.Rpc;

/// <summary>What a client sees when something behind the rpc fails.</summary>
public sealed class ErrorMapperTests
{
    [Fact]
    public async Task An_unexpected_failure_is_INTERNAL_with_a_correlation_id_and_no_word_of_the_cause()
    {
        await using var server = await ServerThatFailsAsync(() => new InvalidOperationException("the secret cause"));

        var refused = await Refused.WithAsync(ErrorReason.Internal, SignIn(server));

        var correlationId = refused.Info.Metadata["correlationId"];
        Assert.Contains(server.Logs.Lines, l => l.Level == LogLevel.Error && l.Text.Contains(correlationId, StringComparison.Ordinal) && l.Text.Contains("the secret cause", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(5, 1)]
    [InlineData(6, 1)]
    [InlineData(7, 30)]
    [InlineData(10, 30)]
    [InlineData(13, 30)]
    [InlineData(14, 30)]
    public async Task A_storage_that_can_not_be_read_is_UNAVAILABLE_and_says_when_to_come_again(int sqliteError, int seconds)
    {
        await using var server = await ServerThatFailsAsync(() => new SqliteException("disk trouble", sqliteError));

        var refused = await Refused.WithAsync(ErrorReason.Unavailable, SignIn(server));

        Assert.Equal(TimeSpan.FromSeconds(seconds), refused.RetryAfter);
    }

    [Fact]
    public async Task A_defect_in_SQL_is_INTERNAL()
    {
        await using var server = await ServerThatFailsAsync(() => new SqliteException("no such column", 1));

        await Refused.WithAsync(ErrorReason.Internal, SignIn(server));
    }

    [Fact]
    public async Task A_full_write_queue_and_a_full_disk_say_when_to_come_again()
    {
        await using var busy = await ServerThatFailsAsync(() => new StorageBusyException());
        Assert.Equal(TimeSpan.FromSeconds(1), (await Refused.WithAsync(ErrorReason.RateLimited, SignIn(busy))).RetryAfter);

        await using var full = await ServerThatFailsAsync(() => new StorageUnavailableException());
        Assert.Equal(TimeSpan.FromSeconds(5), (await Refused.WithAsync(ErrorReason.Unavailable, SignIn(full))).RetryAfter);
    }

    private static AsyncUnaryCall<SignInResponse> SignIn(TestServer server)
    {
        DeviceInfo info;
        using (var device = new TestDevice(server.Time))
        {
            info = device.Info;
        }

        return server.Accounts.SignInAsync(new SignInRequest { Email = AccountSteps.NewEmail(), Password = "x", Device = info });
    }

    private static Task<TestServer> ServerThatFailsAsync(Func<Exception> failure) =>
        TestServer.StartAsync(adjust: services => services.Replace(ServiceDescriptor.Singleton<IGuardStore>(new FailingGuardStore(failure))));

    /// <summary>Fails at the first thing that a sign-in's guard asks of the storage.</summary>
    private sealed class FailingGuardStore(Func<Exception> failure) : IGuardStore
    {
        public ValueTask<(CounterRow? Subject, CounterRow? Client)> FindAsync(byte[] subject, byte[]? client, CancellationToken cancellationToken) => throw failure();

        public Task RecordAsync(IReadOnlyList<CounterStep> steps, CancellationToken cancellationToken) => throw failure();

        public Task ClearAsync(byte[] subject, CancellationToken cancellationToken) => throw failure();

        public Task<DateTimeOffset?> UseAsync(IReadOnlyList<CounterUse> uses, NewCheck? check, OutgoingMail? mail, CancellationToken cancellationToken) => throw failure();

        public Task<bool> TakeAsync(Guid checkId, byte[] answerHash, byte[]? addressHash, DateTimeOffset now, CancellationToken cancellationToken) => throw failure();

        public Task<bool> SweepAsync(GuardSweep sweep, int most, CancellationToken cancellationToken) => Task.FromResult(false);
    }
}
