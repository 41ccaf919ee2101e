using System.Text;

namespace Kpm.Server.Messaging.Sms;

/// <summary>Writes each message as a file that only its owner may read, under a name that sorts by time.</summary>
internal sealed class FolderSmsSender(string folder) : ISmsSender
{
    private readonly PrivateFolder _folder = new(folder, "The folder for SMS", "Kpm:Sms:Folder");

    public string Destination => _folder.Path;

    public Task SendAsync(ShortMessage sms, CancellationToken cancellationToken) =>
        _folder.WriteAsync(sms.SmsId.ToWire() + ".txt", Encoding.UTF8.GetBytes($"To: {sms.To.Text}\n\n{sms.Text}\n"), cancellationToken);
}
