using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Kpm.Server.Messaging.Sms;

/// <summary>Sends by Twilio's REST API (resource Messages of 2010-04-01), or by a carrier that speaks the same.</summary>
internal sealed class TwilioSmsSender(SmsOptions options, SmsHttp http) : ISmsSender
{
    /// <summary>What is wrong with this number or this message, whoever tries again: https://www.twilio.com/docs/api/errors.</summary>
    private static readonly HashSet<int> FinalErrors =
    [
        21211, // the number is not valid
        21214, // the number can't be reached
        21265, // the number is a short code
        21408, // the account may not send to that region
        21610, // the owner of the number has unsubscribed
        21612, // the carrier does not reach the number
        21614, // the number is no mobile one
        60205, // SMS is not supported by a landline number
    ];

    private readonly Uri _url = new(options.TwilioUrl.TrimEnd('/') + $"/2010-04-01/Accounts/{options.TwilioAccountSid}/Messages.json");

    public string Destination => new Uri(options.TwilioUrl).Host;

    public async Task SendAsync(ShortMessage sms, CancellationToken cancellationToken)
    {
        // Read each time, so that a changed token needs no restart.
        var token = (await File.ReadAllTextAsync(options.TwilioAuthTokenFile, cancellationToken)).Trim();
        var user = options.TwilioApiKeySid.Length > 0 ? options.TwilioApiKeySid : options.TwilioAccountSid;
        var sender = options.TwilioMessagingServiceSid.Length > 0
            ? KeyValuePair.Create("MessagingServiceSid", options.TwilioMessagingServiceSid)
            : KeyValuePair.Create("From", options.From);
        using var request = new HttpRequestMessage(HttpMethod.Post, _url)
        {
            Content = new FormUrlEncodedContent([KeyValuePair.Create("To", sms.To.Text), sender, KeyValuePair.Create("Body", sms.Text)]),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{token}")));
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        var (status, body) = await http.SendAsync(request, cancellationToken);
        if (status == HttpStatusCode.Created)
        {
            return;
        }

        var error = ErrorOf(body);
        var text = string.Create(CultureInfo.InvariantCulture, $"the carrier answered {(int)status}, error {error}");
        throw FinalErrors.Contains(error) ? new MessageRefusedException(text) : new SmsFailedException(text);
    }

    /// <summary>The error's number; 0 for an answer without one, such as a proxy's. Its text could quote the number.</summary>
    private static int ErrorOf(byte[] body)
    {
        try
        {
            using var json = JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = 8 });
            return json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty("code", out var code) && code.TryGetInt32(out var number) ? number : 0;
        }
        catch (JsonException)
        {
            return 0;
        }
    }
}
