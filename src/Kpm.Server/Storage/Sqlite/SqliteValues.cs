namespace Kpm.Server.Storage.Sqlite;

/// <summary>How values are stored: times as milliseconds since 1970.</summary>
internal static class SqliteValues
{
    public static long ToStored(this DateTimeOffset time) => time.ToUnixTimeMilliseconds();

    public static long? ToStored(this DateTimeOffset? time) => time?.ToUnixTimeMilliseconds();

    public static DateTimeOffset ToTime(this long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);

    public static DateTimeOffset? ToTime(this long? milliseconds) => milliseconds?.ToTime();
}
