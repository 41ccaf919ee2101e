using Kpm.Server.Storage.Sqlite;

namespace Kpm.Server.Messaging.Sms;

/// <summary>The parts that send SMS, for the server's container.</summary>
internal static class SmsServices
{
    public static IServiceCollection AddSms(this IServiceCollection services, ServerOptions options) => services
        .AddSingleton(options.Sms)
        .AddSingleton<SmsHttp>()
        .AddSingleton<SmsSeal>()
        .AddSingleton<SmsSignal>()
        .AddSingleton<ISmsOutbox, SqliteSmsOutbox>()
        .AddSingleton<ISmsSender>(s => options.Sms.Sender switch
        {
            "twilio" => new TwilioSmsSender(options.Sms, s.GetRequiredService<SmsHttp>()),
            "kannel" => new KannelSmsSender(options.Sms, s.GetRequiredService<SmsHttp>()),
            _ => new FolderSmsSender(options.SmsFolder),
        })
        .AddHostedService<SmsDelivery>();
}
