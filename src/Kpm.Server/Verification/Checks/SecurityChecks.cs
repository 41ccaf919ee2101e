using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Kpm.Server.Accounts;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.Server.Secrets;
using Kpm.V1;

namespace Kpm.Server.Verification.Checks;

/// <summary>Makes Security Checks, as a picture or as a mailed code, and takes their answers: one try each, however it ends.</summary>
internal sealed class SecurityChecks(
    IGuardStore store, ICheckPictures pictures, Counters counters, MailSeal seal, MailSignal mailSignal, RootKey root, TimeProvider time, Limits limits)
{
    private const string Template = "security-check";
    private const int CodeDigits = 6;
    private const int Codes = 1_000_000;
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    private readonly GuardKeys _keys = new(root);
    private readonly byte[] _answerKey = root.Derive("security-check");

    /// <summary>A new picture; throws RATE_LIMITED where the client has had too many.</summary>
    public async Task<SecurityCheck> NewPictureAsync(string network, CancellationToken cancellationToken)
    {
        var characters = pictures.NewCharacters();
        var check = NewCheck(characters, null);
        CounterUse[] uses = [Use(GuardedAct.Picture, _keys.OfClient(GuardedAct.Picture, network), (limits.SecurityCheckPicturesPerClient, limits.SecurityCheckWindow))];
        await StoreAsync(uses, check, null, cancellationToken);
        // Drawn only now, so that who has had too many costs no drawing.
        return ToContract(check, characters.Length, pictures.Draw(characters));
    }

    /// <summary>A code mailed to the address, whoever holds it; throws RATE_LIMITED where the address or the client has had too many.</summary>
    public async Task<SecurityCheck> MailAsync(EmailAddress address, string language, string network, CancellationToken cancellationToken)
    {
        var code = RandomNumberGenerator.GetInt32(Codes).ToString("D6", CultureInfo.InvariantCulture);
        var subject = _keys.Of(GuardedAct.MailedCheck, GuardSubject.Of(address));
        var check = NewCheck(code, subject);
        (int, TimeSpan)[] windows = [(1, limits.MailedCheckInterval), (limits.MailedChecksPerDay, Day)];
        CounterUse[] uses = [Use(GuardedAct.MailedCheck, subject, windows), Use(GuardedAct.MailedCheck, _keys.OfClient(GuardedAct.MailedCheck, network), windows)];
        await StoreAsync(uses, check, Mail(address, language, code, check), cancellationToken);
        mailSignal.Set();
        return ToContract(check, CodeDigits, []);
    }

    /// <summary>Uses the check up. A mailed code serves only the address that it was mailed to.</summary>
    public async Task<bool> PassesAsync(SecurityCheckAnswer? answer, EmailAddress? address, CancellationToken cancellationToken)
    {
        if (answer is null)
        {
            return false;
        }

        var checkId = Guid.ParseExact(answer.CheckId, "D");
        var addressHash = address is null ? null : _keys.Of(GuardedAct.MailedCheck, GuardSubject.Of(address));
        return await store.TakeAsync(checkId, HashOfAnswer(checkId, answer.Answer), addressHash, time.Now(), cancellationToken);
    }

    private async Task StoreAsync(CounterUse[] uses, NewCheck check, OutgoingMail? mail, CancellationToken cancellationToken)
    {
        if (await store.UseAsync(uses, check, mail, cancellationToken) is { } fullUntil)
        {
            throw Errors.RetryAfter(ErrorReason.RateLimited, fullUntil - time.Now());
        }
    }

    private CounterUse Use(GuardedAct act, byte[] subject, params (int Count, TimeSpan Window)[] windows) => new(
        new CounterStep(subject, row => counters.Next(row, delays: false)),
        row => windows.Select(w => row?.FullUntil(w.Count, w.Window, time.Now())).Max());

    private NewCheck NewCheck(string characters, byte[]? addressHash)
    {
        var checkId = Ids.New(time);
        return new NewCheck { CheckId = checkId, AnswerHash = HashOfAnswer(checkId, characters), AddressHash = addressHash, ExpiresAt = time.Now() + limits.SecurityCheckLifetime };
    }

    /// <summary>Keyed, since a few characters are soon tried out; bound to the check. Case and white space do not matter.</summary>
    private byte[] HashOfAnswer(Guid checkId, string answer) =>
        HMACSHA256.HashData(_answerKey, (byte[])[.. checkId.ToBytes(), .. Encoding.UTF8.GetBytes(string.Concat(answer.Where(c => !char.IsWhiteSpace(c))).ToUpperInvariant())]);

    private OutgoingMail Mail(EmailAddress address, string language, string code, NewCheck check)
    {
        var mailId = Ids.New(time);
        var content = new MailContent
        {
            To = address.Mailbox,
            Template = Template,
            Language = language.Length > 0 ? language : "en",
            Values = new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["code"] = code,
                ["minutes"] = ((int)limits.SecurityCheckLifetime.TotalMinutes).ToString(CultureInfo.InvariantCulture),
            },
        };
        return new OutgoingMail { MailId = mailId, Sealed = seal.Seal(mailId, content), CreatedAt = time.Now(), ExpiresAt = check.ExpiresAt };
    }

    private SecurityCheck ToContract(NewCheck check, int length, byte[] png) => new()
    {
        CheckId = check.CheckId.ToWire(),
        PicturePng = ByteString.CopyFrom(png),
        ExpiresAt = Timestamp.FromDateTimeOffset(check.ExpiresAt),
        Length = length,
        Alphabet = png.Length > 0 ? pictures.Alphabet : "",
    };
}
