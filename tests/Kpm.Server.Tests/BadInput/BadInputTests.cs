using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Kpm.V1;

namespace Kpm.Server.Tests.BadInput;

/// <summary>Wrong input in every field of every rpc: the typed answer, and nothing changed.</summary>
public sealed class BadInputTests(World world, ITestOutputHelper output) : IClassFixture<World>
{
    /// <summary>Fields whose values must also mean something, so that a well-formed one can still be refused by name. Each with its reason.</summary>
    private static readonly Dictionary<string, string> MeansSomething = new(StringComparer.Ordinal)
    {
        ["kpm.v1.GetSignInOptionsRequest.region"] = "a region of the catalogue",
        ["kpm.v1.CreateAccountRequest.region"] = "a region of the catalogue",
        ["kpm.v1.CreateAccountRequest.language"] = "a language of the region",
        ["kpm.v1.CreateAccountRequest.consent_version"] = "a version of the consent text",
        ["kpm.v1.CreateAccountRequest.password"] = "the password rules",
        ["kpm.v1.CreateAccountRequest.password_confirmation"] = "the same as the password",
        ["kpm.v1.DeviceInfo.shared_key"] = "needed with a hint",
        ["kpm.v1.CompleteFederatedSignInRequest.device"] = "needed to sign in",
        ["kpm.v1.DeviceInfo.application_id"] = "an application of the catalogue",
        ["kpm.v1.DeviceInfo.shared_key_proof"] = "set with a shared key",
        ["kpm.v1.SignInRequest.email"] = "set without a hint",
        ["kpm.v1.SignInRequest.hint"] = "empty with an address",
        ["kpm.v1.NewSecurityCheckRequest.email"] = "set for a mailed code",
        ["kpm.v1.StartFederatedSignInRequest.region"] = "a region of the catalogue",
        ["kpm.v1.StartFederatedSignInRequest.redirect_uri"] = "the person's machine, or a configured address",
        ["kpm.v1.StartFederatedSignInRequest.code_challenge"] = "a SHA-256 in base64url",
        ["kpm.v1.ListIdentitiesRequest.page_token"] = "a token that the server made",
        ["kpm.v1.ListDevicesRequest.page_token"] = "a token that the server made",
        ["kpm.v1.ListDeviceKeysRequest.page_token"] = "a token that the server made",
        ["kpm.v1.ListTrustedDevicesRequest.page_token"] = "a token that the server made",
        ["kpm.v1.StartPhoneRequest.phone"] = "a number in E.164 form",
        ["kpm.v1.RemoveFactorRequest.method"] = "a factor, and no recovery code",
        ["kpm.v1.SendSignInCodeRequest.ticket"] = "set where there is no session",
        ["kpm.v1.ProposeRegionChangeRequest.region"] = "a region of the catalogue",
        ["kpm.v1.ListAuditLogRequest.page_token"] = "a token that the server made",
        ["kpm.v1.ListSupportCasesRequest.page_token"] = "a token that the server made",
        ["kpm.v1.ListApplicationsRequest.page_token"] = "a token that the server made",
        ["kpm.v1.ListSecurityEventsRequest.page_token"] = "a token that the server made",
        ["kpm.v1.UpdateAccountRequest.language"] = "a language of the region",
        ["kpm.v1.UpdateAccountRequest.consent_version"] = "a version of the consent text",
        ["kpm.v1.ChangePasswordRequest.new_password"] = "the password rules",
        ["kpm.v1.ChangePasswordRequest.new_password_confirmation"] = "the same as the password",
        ["kpm.v1.CompletePasswordResetRequest.new_password"] = "the password rules",
        ["kpm.v1.CompletePasswordResetRequest.new_password_confirmation"] = "the same as the password",
        ["kpm.v1.ListRevisionsRequest.page_token"] = "a token that the server made",
        ["kpm.v1.ListTrashRequest.page_token"] = "a token that the server made",
        ["kpm.v1.PushRequest.operations"] = "rising op_seq",
        ["kpm.v1.Push.operations"] = "rising op_seq",
        ["kpm.v1.Operation.op_seq"] = "rising op_seq",
    };

    public static TheoryData<string> Methods() => [.. Rpcs.All.Select(m => m.FullName)];

    [Theory]
    [MemberData(nameof(Methods))]
    public async Task Bad_input_gets_a_typed_error_and_changes_nothing(string method)
    {
        var rpc = Rpcs.Of(method);
        var variants = world.Variants(rpc);
        Assert.True(variants.Count > 0, $"{nameof(World)} has no valid request for {method}");

        var visited = new HashSet<string>(StringComparer.Ordinal);
        foreach (var variant in variants)
        {
            visited.UnionWith(await TryAsync(rpc, variant, TestContext.Current.CancellationToken));
        }

        Assert.Empty(FieldCases.AllFields(rpc.InputType).Except(visited));
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public async Task An_empty_request_names_everything_that_is_missing(string method)
    {
        var rpc = Rpcs.Of(method);
        var call = await world.PrepareAsync(world.Variants(rpc)[0], TestContext.Current.CancellationToken);
        string[] missing =
        [
            .. rpc.InputType.Fields.InDeclarationOrder().Where(f => f.RealContainingOneof is null && FieldCases.ConstraintsOf(f).Required).Select(f => f.Name),
            .. rpc.InputType.Oneofs.Where(o => o.GetOptions()?.GetExtension(ConstraintsExtensions.OneofRequired) == true).Select(o => o.Name),
        ];

        var outcome = await world.Client.CallAsync(rpc, [], call.Token, TestContext.Current.CancellationToken);

        Assert.Equal(missing.Length == 0 ? StatusCode.OK : StatusCode.InvalidArgument, outcome.Code);
        Assert.Equal(missing.Order(StringComparer.Ordinal), outcome.Fields.Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public async Task A_message_above_the_limit_is_refused_before_it_is_read(string method)
    {
        var rpc = Rpcs.Of(method);
        var call = await world.PrepareAsync(world.Variants(rpc)[0], TestContext.Current.CancellationToken);
        var valid = call.Request.ToByteArray();
        var before = await StateDigest.OfQuietAsync(world.Database, TestContext.Current.CancellationToken);

        var atLimit = await world.Client.CallAsync(rpc, Padded(valid, 1024 * 1024 + 1), call.Token, TestContext.Current.CancellationToken);

        Assert.Equal(StatusCode.ResourceExhausted, atLimit.Code);
        Assert.Null(atLimit.Rich);
        Assert.Equal("", StateDigest.Difference(before, await StateDigest.OfQuietAsync(world.Database, TestContext.Current.CancellationToken)));

        var below = await world.Client.CallAsync(rpc, Padded(valid, 1024 * 1024), call.Token, TestContext.Current.CancellationToken);
        Assert.NotEqual(StatusCode.ResourceExhausted, below.Code);
    }

    /// <summary>Fills up to a length with a field that this version does not know.</summary>
    private static byte[] Padded(byte[] message, int length)
    {
        using var stream = new MemoryStream();
        stream.Write(message);
        using (var output = new CodedOutputStream(stream, leaveOpen: true))
        {
            // The tag has 2 bytes; the length prefix 3.
            output.WriteTag(2047, WireFormat.WireType.LengthDelimited);
            output.WriteBytes(ByteString.CopyFrom(new byte[length - message.Length - 5]));
        }

        Assert.Equal(length, stream.Length);
        return stream.ToArray();
    }

    private async Task<IReadOnlySet<string>> TryAsync(MethodDescriptor rpc, string variant, CancellationToken cancellationToken)
    {
        var call = await world.PrepareAsync(variant, cancellationToken);
        var (cases, visited) = FieldCases.Of(call.Request);
        var failures = new List<string>();

        var before = await StateDigest.OfQuietAsync(world.Database, cancellationToken);
        foreach (var bad in cases.Where(c => c.Expected != Expected.Answered))
        {
            await JudgeAsync(rpc, call, bad, failures, cancellationToken);
        }

        if (StateDigest.Difference(before, await StateDigest.OfQuietAsync(world.Database, cancellationToken)) is { Length: > 0 } changed)
        {
            failures.Add($"refused, and yet it changed {changed}");
        }

        Assert.True(failures.Count == 0, $"{variant}:\n{string.Join('\n', failures)}");

        // The request that all of them were made from is a good one.
        var good = await SendAsync(rpc, call, call.Request.ToByteArray(), cancellationToken);
        if (variant.Split(World.RefusedWith) is [_, { } reason])
        {
            Assert.All(good, o => Assert.Equal(reason, o.Reason));
        }
        else
        {
            Assert.True(good.All(o => o.Code == StatusCode.OK || o.Reason == Outcome.NameOf(ErrorReason.ProtocolViolation)), string.Join("; ", good));
            Assert.Contains(good, o => o.Code == StatusCode.OK || variant.EndsWith(":revoked_ack", StringComparison.Ordinal));
        }

        // What may be accepted changes things, so each gets a new beginning.
        for (var i = 0; i < cases.Count; i++)
        {
            if (cases[i].Expected == Expected.Answered)
            {
                var fresh = await world.PrepareAsync(variant, cancellationToken);
                await JudgeAsync(rpc, fresh, FieldCases.Of(fresh.Request).Cases[i], failures, cancellationToken);
            }
        }

        Assert.True(failures.Count == 0, $"{failures.Count} of {cases.Count} cases of {variant}:\n{string.Join('\n', failures)}");
        output.WriteLine($"{variant}: {cases.Count} cases, {cases.Count(c => c.Expected == Expected.Answered)} of them within the bounds");
        return visited;
    }

    private async Task JudgeAsync(MethodDescriptor rpc, BaseCall call, FieldCase tried, List<string> failures, CancellationToken cancellationToken)
    {
        foreach (var outcome in await SendAsync(rpc, call, tried.Request, cancellationToken))
        {
            var fits = tried.Expected switch
            {
                Expected.Violation => outcome.Code == StatusCode.InvalidArgument && outcome.Reason == Outcome.NameOf(ErrorReason.InvalidRequest) && outcome.Fields.SequenceEqual([tried.Path]),
                Expected.Undecodable => outcome.Code == StatusCode.Internal && outcome.Rich is null,
                _ => outcome.Code is StatusCode.OK || (outcome.Rich is not null && outcome.Code is not (StatusCode.Internal or StatusCode.Unknown)
                    && (!outcome.Fields.Contains(tried.Path) || MeansSomething.ContainsKey(FieldAt(rpc.InputType, tried.Path).FullName))),
            };
            if (!fits)
            {
                failures.Add($"{tried} ({tried.Expected}): {outcome}");
            }
        }
    }

    /// <summary>In a client's stream the message is tried as the first one and as a later one.</summary>
    private async Task<IReadOnlyList<Outcome>> SendAsync(MethodDescriptor rpc, BaseCall call, byte[] request, CancellationToken cancellationToken)
    {
        var first = await world.Client.CallAsync(rpc, request, call.Token, cancellationToken);
        if (!rpc.IsClientStreaming)
        {
            return [first];
        }

        return [first, await world.Client.SendToStreamAsync(rpc, call.Opening!().ToByteArray(), [request], call.Token!, cancellationToken)];
    }

    private static FieldDescriptor FieldAt(MessageDescriptor type, string path)
    {
        FieldDescriptor? field = null;
        foreach (var step in path.Split('.'))
        {
            field = (field?.MessageType ?? type).FindFieldByName(step.Split('[')[0]);
        }

        return field!;
    }
}
