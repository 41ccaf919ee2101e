namespace Kpm.Server.Tests.Hosting;

public sealed class CommandLineTests
{
    [Fact]
    public void Options_come_from_the_command_line_by_short_and_by_full_name()
    {
        var options = CommandLine.Read(["--data", "somewhere", "--listen=[::1]:0", "--reflection", "false", "--log-level", "Debug", "--Kpm:PasswordHash:Cost", "5", "--Kpm:Limits:RefreshGrace", "00:00:20"]);

        Assert.Equal(Path.GetFullPath("somewhere"), options.DataFolder);
        Assert.Equal("[::1]:0", options.MainAddress.EndPoint.ToString());
        Assert.False(options.Reflection);
        Assert.Equal(Microsoft.Extensions.Logging.LogLevel.Debug, options.LogLevel);
        Assert.Equal(5, options.PasswordHash.Cost);
        Assert.Equal(TimeSpan.FromSeconds(20), options.Limits.RefreshGrace);
    }

    [Theory]
    [InlineData("--bogus", "x", "Unknown option --bogus")]
    [InlineData("stray", "x", "Unknown option stray")]
    [InlineData("--data", null, "The option --data needs a value")]
    [InlineData("--Kpm:Bogus", "x", "Unknown option Kpm:Bogus")]
    [InlineData("--Kpm:Limits:Bogus", "1", "Unknown option Kpm:Limits:Bogus")]
    [InlineData("--Kpm:Limits:RefreshGrace", "soon", "can't be read")]
    [InlineData("--log-level", "loud", "can't be read")]
    [InlineData("--Kpm:Limits:MailBatch", "0", "Kpm:Limits:MailBatch must be greater than zero")]
    [InlineData("--Kpm:PasswordHash:Cost", "3", "must be 4 to 16")]
    [InlineData("--Kpm:PasswordHash:Cost", "17", "must be 4 to 16")]
    [InlineData("--listen", "nonsense", "is not an address")]
    [InlineData("--listen", "127.0.0.1", "is not an address")]
    [InlineData("--listen", "127.0.0.1:70000", "is not an address")]
    [InlineData("--listen", "https://127.0.0.1:5443", "there is no certificate")]
    [InlineData("--listen", "0.0.0.0:5080", "in clear text")]
    [InlineData("--certificate", "x.pem", "belong together")]
    [InlineData("--Kpm:Identity:Providers:google:Kind", "gogle", "can't be read")]
    [InlineData("--Kpm:Identity:Providers:google:Bogus", "x", "Unknown option Kpm:Identity:Providers:google:Bogus")]
    [InlineData("--Kpm:Mail:From", "nobody", "is not an e-mail address")]
    [InlineData("--Kpm:Mail:SmtpPort", "0", "must be 1 to 65535")]
    [InlineData("--Kpm:Mail:SmtpSecurity", "ssl3", "must be starttls, tls or none")]
    [InlineData("--Kpm:Mail:SmtpUser", "kpm", "does not exist")]
    public void A_bad_option_is_named_in_one_line(string option, string? value, string says)
    {
        var refusal = Assert.Throws<StartException>(() => CommandLine.Read(value is null ? [option] : [option, value]));

        Assert.Contains(says, refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refusal.Message);
    }
}
