using Kpm.Server.Storage.Sqlite;

namespace Kpm.Server.Messaging;

/// <summary>The slice's parts for the server's container.</summary>
internal static class MessagingServices
{
    public static IServiceCollection AddMessaging(this IServiceCollection services, ServerOptions options) => services
        .AddSingleton<IMailOutbox, SqliteMailOutbox>()
        .AddSingleton<MailSeal>()
        .AddSingleton<MailTemplates>()
        .AddSingleton<MailWriter>()
        .AddSingleton<MailSignal>()
        .AddSingleton<NoticeMails>()
        .AddSingleton<IMailSender>(s => options.Mail.SmtpHost.Length > 0
            ? new SmtpMailSender(options.Mail, options.Limits, s.GetRequiredService<TimeProvider>())
            : new FolderMailSender(options.MailFolder))
        .AddHostedService<MailDelivery>();
}
