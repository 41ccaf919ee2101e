using Google.Protobuf;
using Grpc.Core;
using Kpm.Server.Tests.Faults;
using Kpm.V1;

namespace Kpm.Server.Tests.BadInput;

/// <summary>Tokens that the server made and a client returns with a flaw: the typed refusal, whatever the flaw.</summary>
public sealed class OpaqueTokenTests(World world) : IClassFixture<World>
{
    private static readonly string[] Intruders = ["!", "=", "-", "_", "+", "/", " ", "\u00e9", "\u0416", "\U0001F511", "A"];

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_refresh_token()
    {
        var device = await world.SignedInAsync(Cancelled);
        await RefusedAsync("kpm.v1.AccountService.RefreshSession", device.Session.RefreshToken, ErrorReason.RefreshTokenInvalid, StatusCode.Unauthenticated,
            token => new RefreshSessionRequest { RefreshToken = token, Proof = device.Proof(Contract.RefreshMethod, token) });
    }

    [Fact]
    public async Task An_activation_token()
    {
        var (device, mail) = await world.PendingAsync(Cancelled);
        await RefusedAsync("kpm.v1.VerificationService.ActivateAccount", mail.Token, ErrorReason.ActivationInvalid, StatusCode.FailedPrecondition,
            token => new ActivateAccountRequest { Token = token, Password = TestDevice.Password }, device.Token);
    }

    [Fact]
    public async Task A_discard_token()
    {
        var (_, mail) = await world.PendingAsync(Cancelled);
        await RefusedAsync("kpm.v1.VerificationService.DiscardPendingAccount", mail.DiscardToken, ErrorReason.ActivationInvalid, StatusCode.FailedPrecondition,
            token => new DiscardPendingAccountRequest { Token = token });
    }

    [Fact]
    public async Task A_token_that_resets_a_password() =>
        await RefusedAsync("kpm.v1.AccountService.CompletePasswordReset", await world.ResetTokenAsync(Cancelled), ErrorReason.TokenInvalid, StatusCode.FailedPrecondition,
            token => new CompletePasswordResetRequest { Token = token, NewPassword = "Another-Horse-8-Saddle", NewPasswordConfirmation = "Another-Horse-8-Saddle" });

    [Fact]
    public async Task A_token_that_confirms_an_address() =>
        await RefusedAsync("kpm.v1.AccountService.CompleteEmailChange", await world.EmailTokenAsync(Cancelled), ErrorReason.TokenInvalid, StatusCode.FailedPrecondition,
            token => new CompleteEmailChangeRequest { Token = token });

    [Fact]
    public async Task A_token_that_keeps_an_account() =>
        await RefusedAsync("kpm.v1.AccountService.CancelDeletion", await world.KeepTokenAsync(Cancelled), ErrorReason.TokenInvalid, StatusCode.FailedPrecondition,
            token => new CancelDeletionRequest { Token = token });

    [Fact]
    public async Task A_page_token()
    {
        await world.SignedInAsync(Cancelled);
        var page = await new AccountService.AccountServiceClient(world.Connection).ListDevicesAsync(
            new ListDevicesRequest { PageSize = 1 }, world.Owner.Headers, cancellationToken: Cancelled);
        Assert.NotEmpty(page.NextPageToken);
        await RefusedAsync("kpm.v1.AccountService.ListDevices", page.NextPageToken, ErrorReason.InvalidRequest, StatusCode.InvalidArgument,
            token => new ListDevicesRequest { PageToken = token }, world.Owner.Token);
        // It leads through one list of one account.
        await OneRefusedAsync("kpm.v1.VaultService.ListDeviceKeys", new ListDeviceKeysRequest { PageToken = page.NextPageToken }, world.Owner.Token);
        await OneRefusedAsync("kpm.v1.AccountService.ListDevices", new ListDevicesRequest { PageToken = page.NextPageToken }, world.Visitor.Token);
    }

    /// <summary>The token cut, lengthened, and with each intruder in several places.</summary>
    private static IEnumerable<string> Flawed(string token)
    {
        int[] places = [0, 1, token.Length / 2, token.Length - 2, token.Length - 1];
        return places.SelectMany(at => Intruders.Select(i => token[..at] + i + token[(at + 1)..]))
            .Concat(places.SelectMany(at => Intruders.Select(i => token[..at] + i + token[at..])))
            .Concat([token[..^1], token[1..], token + "A", token + "=", token + "==", token.ToUpperInvariant(), token.ToLowerInvariant(), new string('A', token.Length), "A", "AA", "AAA"])
            .Where(t => t != token && t.EnumerateRunes().Count() <= 64 + (token.Length > 64 ? 192 : 0))
            .Distinct(StringComparer.Ordinal);
    }

    private async Task RefusedAsync(string method, string token, ErrorReason reason, StatusCode code, Func<string, IMessage> request, string? bearer = null)
    {
        var before = await StateDigest.OfQuietAsync(world.Database, Cancelled);
        foreach (var flawed in Flawed(token))
        {
            var outcome = await world.Client.CallAsync(Rpcs.Of(method), request(flawed).ToByteArray(), bearer, Cancelled);
            Assert.True(outcome.Code == code && outcome.Reason == Outcome.NameOf(reason), $"{flawed}: {outcome}");
        }

        Assert.Equal("", StateDigest.Difference(before, await StateDigest.OfQuietAsync(world.Database, Cancelled)));

        // The token itself is good.
        Assert.Equal(StatusCode.OK, (await world.Client.CallAsync(Rpcs.Of(method), request(token).ToByteArray(), bearer, Cancelled)).Code);
    }

    private async Task OneRefusedAsync(string method, IMessage request, string bearer)
    {
        var outcome = await world.Client.CallAsync(Rpcs.Of(method), request.ToByteArray(), bearer, Cancelled);
        Assert.Equal(Outcome.NameOf(ErrorReason.InvalidRequest), outcome.Reason);
        Assert.Equal(["page_token"], outcome.Fields);
    }
}
