using Grpc.Core;
using Kpm.Cli;
using Kpm.Client.Accounts;
using Kpm.Client.Items;
using Kpm.Client.Kpm1;
using Kpm.Client.Schema;
using Kpm.Client.Sync;
using Kpm.V1;

namespace Kpm.Client.Tests.Cli;

public sealed class CliTests
{
    [Theory]
    [InlineData("MZXW6===", "foo")]
    [InlineData("mzxw 6ytb-oi", "foobar")]
    [InlineData("MY======", "f")]
    public void Base32_is_read_as_sites_show_it(string text, string bytes)
    {
        var kind = ItemKinds.All.Single(kind => kind.Name == "otp");
        var body = new OneTimePassword();
        FieldValues.Parse(kind.Fields[0], body, text);
        Assert.Equal(bytes, body.Secret.ToStringUtf8());
        Assert.Equal(text.Replace("=", "", StringComparison.Ordinal).Replace(" ", "", StringComparison.Ordinal).Replace("-", "", StringComparison.Ordinal).ToUpperInvariant(), FieldValues.Format(kind.Fields[0], body));
        Assert.Throws<UsageException>(() => FieldValues.Parse(kind.Fields[0], body, "189"));
    }

    [Fact]
    public void Every_field_of_every_kind_is_written_and_read_back()
    {
        foreach (var kind in ItemKinds.All)
        {
            var body = ItemKinds.Body(new Item(), kind);
            foreach (var field in kind.Fields)
            {
                var text = field.Descriptor.FieldType switch
                {
                    Google.Protobuf.Reflection.FieldType.Bytes => kind.Name == "otp" ? "MZXW6" : "Zm9v",
                    Google.Protobuf.Reflection.FieldType.Enum => "SHA512",
                    Google.Protobuf.Reflection.FieldType.String => "text",
                    _ => "7",
                };
                FieldValues.Parse(field, body, text);
                Assert.Equal(text, FieldValues.Format(field, body));
                FieldValues.Parse(field, body, "");
                Assert.Equal("", FieldValues.Format(field, body));
            }
        }
    }

    [Theory]
    [InlineData(8)]
    [InlineData(20)]
    [InlineData(256)]
    public void A_generated_password_has_its_length_and_every_class(int length)
    {
        var passwords = Enumerable.Range(0, 50).Select(_ => PasswordGenerator.Make(length)).ToList();
        Assert.Equal(50, passwords.Distinct(StringComparer.Ordinal).Count());
        Assert.All(passwords, password => Assert.True(
            password.Length == length && password.Any(char.IsAsciiDigit) && password.Any(char.IsAsciiLetterLower) && password.Any(char.IsAsciiLetterUpper) && password.Any(letter => !char.IsAsciiLetterOrDigit(letter))));
        Assert.Throws<UsageException>(() => PasswordGenerator.Make(7));
        Assert.Throws<UsageException>(() => PasswordGenerator.Make(257));
    }

    [Fact]
    public void Every_error_of_client_and_format_has_a_text_and_a_code()
    {
        var server = new Uri("http://127.0.0.1:5080");
        var errors = Enum.GetValues<Kpm1Error>().Select(error => (Exception)new Kpm1Exception(error))
            .Concat(Enum.GetValues<SyncStop>().Select(reason => new SyncStoppedException(reason)))
            .Concat(Enum.GetValues<ErrorReason>().Select(reason => Error(reason)));
        foreach (var error in errors)
        {
            var (text, code) = ErrorText.Of(error, server)!.Value;
            Assert.NotEqual(0, code);
            Assert.Matches("[.?]$", text);
        }

        Assert.Null(ErrorText.Of(new InvalidOperationException("a defect of ours is not dressed up"), server));
        Assert.Equal(ExitCodes.Untrusted, ErrorText.Of(new Kpm1Exception(Kpm1Error.SignatureInvalid), server)!.Value.Code);
    }

    [Fact]
    public void The_details_of_an_error_are_read()
    {
        var error = Error(ErrorReason.RateLimited);
        Assert.Equal((ErrorReason.RateLimited, TimeSpan.FromSeconds(7), "v"), (error.Reason, error.RetryAfter, error.Metadata["k"]));
        Assert.Equal(new FieldViolation("email", "MALFORMED", "must be an address."), Assert.Single(error.Violations));
        Assert.Equal("Too many tries. Wait 7 s and try again.", ErrorText.Of(error, new Uri("http://h"))!.Value.Text);

        var bare = ServerException.From(new RpcException(new Status(StatusCode.Unavailable, "gone")));
        Assert.Equal((ErrorReason.Unspecified, true, 0), (bare.Reason, bare.IsTransient, bare.Violations.Count));
        var garbled = ServerException.From(new RpcException(new Status(StatusCode.Internal, "x"), new Metadata { { "grpc-status-details-bin", new byte[] { 0xff, 0xff } } }));
        Assert.Equal(ErrorReason.Unspecified, garbled.Reason);
    }

    private static ServerException Error(ErrorReason reason)
    {
        var name = ErrorReasonReflection.Descriptor.EnumTypes[0].FindValueByNumber((int)reason).Name["ERROR_REASON_".Length..];
        var status = new Google.Rpc.Status
        {
            Details =
            {
                Google.Protobuf.WellKnownTypes.Any.Pack(new Google.Rpc.ErrorInfo { Domain = "kpm", Reason = name, Metadata = { { "k", "v" } } }),
                Google.Protobuf.WellKnownTypes.Any.Pack(new Google.Rpc.BadRequest { FieldViolations = { new Google.Rpc.BadRequest.Types.FieldViolation { Field = "email", Reason = "MALFORMED", Description = "must be an address." } } }),
                Google.Protobuf.WellKnownTypes.Any.Pack(new Google.Rpc.RetryInfo { RetryDelay = Google.Protobuf.WellKnownTypes.Duration.FromTimeSpan(TimeSpan.FromSeconds(7)) }),
            },
        };
        return ServerException.From(new RpcException(new Status(StatusCode.FailedPrecondition, "text."), new Metadata { { "grpc-status-details-bin", Google.Protobuf.MessageExtensions.ToByteArray(status) } }));
    }
}
