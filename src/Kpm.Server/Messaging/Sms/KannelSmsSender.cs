using System.Globalization;
using System.Net;
using System.Text;

namespace Kpm.Server.Messaging.Sms;

/// <summary>Sends by the sendsms interface of kannel's smsbox.</summary>
internal sealed class KannelSmsSender(SmsOptions options, SmsHttp http) : ISmsSender
{
    /// <summary>UCS-2: whatever the language, the words arrive as they were written.</summary>
    private const string Ucs2 = "2";

    public string Destination => new Uri(options.KannelUrl).Authority;

    public async Task SendAsync(ShortMessage sms, CancellationToken cancellationToken)
    {
        // Read each time, so that a changed password needs no restart.
        var password = (await File.ReadAllTextAsync(options.KannelPasswordFile, cancellationToken)).TrimEnd('\r', '\n');
        var url = new StringBuilder(options.KannelUrl.TrimEnd('/')).Append("/cgi-bin/sendsms");
        Append(url, '?', "username", options.KannelUser);
        Append(url, '&', "password", password);
        Append(url, '&', "to", sms.To.Text);
        Append(url, '&', "coding", Ucs2);
        Append(url, '&', "charset", "UTF-8");
        Append(url, '&', "text", sms.Text);
        if (options.From.Length > 0)
        {
            Append(url, '&', "from", options.From);
        }

        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(url.ToString()));
        var (status, body) = await http.SendAsync(request, cancellationToken);
        // "0: Accepted for delivery" or "3: Queued for later delivery": kannel keeps the message from here on.
        if (status == HttpStatusCode.Accepted && body is [(byte)'0' or (byte)'3', (byte)':', ..])
        {
            return;
        }

        // None of its refusals is for good: they are about its configuration (a user, a sender, a route) as often as about the message.
        throw new SmsFailedException(string.Create(CultureInfo.InvariantCulture, $"kannel answered {(int)status}"));
    }

    private static void Append(StringBuilder url, char separator, string name, string value) =>
        url.Append(separator).Append(name).Append('=').Append(Uri.EscapeDataString(value));
}
