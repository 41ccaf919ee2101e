using System.Text.Json;
using System.Text.Json.Nodes;
using Kpm.Cli.Pictures;
using Spectre.Console;

namespace Kpm.Cli;

/// <summary>A person at a terminal, or a script at standard input.</summary>
internal sealed class Terminal
{
    // Prompts and notes go to standard error, so that standard output holds the answer alone.
    private readonly IAnsiConsole _notes = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
    private readonly IAnsiConsole _output = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Out) });
    private readonly Lock _gate = new();

    // Wider ones would push what was said before off an ordinary screen.
    private const int WidestPicture = 110;

    /// <summary>One JSON value a line instead of text for people.</summary>
    public bool Json { get; set; }

    /// <summary>A person can be asked.</summary>
    public static bool Interactive => !Console.IsInputRedirected;

    /// <summary>A person reads the notes on a screen.</summary>
    private bool HasScreen => !Console.IsErrorRedirected && _notes.Profile.Capabilities.Ansi;

    /// <summary>Asks for a secret without echo; from a script, the next line of standard input.</summary>
    public string Secret(string prompt, bool optional = false)
    {
        if (!Interactive)
        {
            return Console.In.ReadLine() ?? (optional ? "" : throw new UsageException($"{prompt}: nothing more on standard input. Give one secret a line, in the order that --help of the command states."));
        }

        var text = new TextPrompt<string>(Markup.Escape(prompt + ":")).Secret(null);
        return _notes.Prompt(optional ? text.AllowEmpty() : text);
    }

    /// <summary>Asks for a new secret twice; from a script once.</summary>
    public string NewSecret(string prompt)
    {
        while (true)
        {
            var first = Secret(prompt);
            if (!Interactive || Secret(prompt + " again") == first)
            {
                return first;
            }

            Note("The two entries differ. Please enter it again.");
        }
    }

    /// <summary>Asks for something that is no secret; from a script it must be an option.</summary>
    public string Ask(string prompt, string option, string? preset = null)
    {
        if (!Interactive)
        {
            return preset ?? throw new UsageException($"Give {option}.");
        }

        // A preset is shown by the prompt itself, with a colon of its own.
        return _notes.Prompt(preset is null ? new TextPrompt<string>(Markup.Escape(prompt + ":")) : new TextPrompt<string>(Markup.Escape(prompt)).DefaultValue(preset));
    }

    /// <summary>Asks for a code that may be seen while it is typed; from a script, the next line of standard input.</summary>
    public string Code(string prompt)
    {
        if (!Interactive)
        {
            return (Console.In.ReadLine() ?? throw new StepNeededException($"{prompt}: nothing more on standard input.")).Trim();
        }

        return _notes.Prompt(new TextPrompt<string>(Markup.Escape(prompt + ":"))).Trim();
    }

    /// <summary>Lets a person pick one; the first is preset. Scripts say it with an option.</summary>
    public T Choose<T>(string prompt, IEnumerable<T> choices, Func<T, string> describe)
        where T : notnull =>
        _notes.Prompt(new SelectionPrompt<T>().Title(Markup.Escape(prompt)).UseConverter(choice => Markup.Escape(describe(choice))).AddChoices(choices));

    /// <summary>Asks yes or no; from a script the preset holds.</summary>
    public bool Confirm(string prompt, bool preset) => Interactive ? _notes.Prompt(new ConfirmationPrompt(Markup.Escape(prompt)) { DefaultValue = preset }) : preset;

    /// <summary>Says something beside the answer.</summary>
    public void Note(string text)
    {
        lock (_gate)
        {
            Console.Error.WriteLine(text);
        }
    }

    /// <summary>Draws a picture on the screen, as large as fits; nothing where there is no screen.</summary>
    public void Draw(GreyPicture picture)
    {
        if (!HasScreen)
        {
            return;
        }

        lock (_gate)
        {
            var text = SixelSupport.Ask(Console.Error)
                ? Drawing.Sixels(picture)
                : Drawing.HalfBlocks(picture.ShrinkTo(Math.Clamp(_notes.Profile.Width - 1, 1, WidestPicture)), Shades());
            Console.Error.WriteLine(text);
        }
    }

    /// <summary>Draws a QR code on the screen; false where there is none, or it would not fit.</summary>
    public bool DrawQr(string content)
    {
        var modules = QrCode.Of(content);
        var drawing = Drawing.Qr(modules);
        if (!HasScreen || modules.GetLength(0) + 4 > _notes.Profile.Width)
        {
            return false;
        }

        lock (_gate)
        {
            Console.Error.Write(drawing);
        }

        return true;
    }

    private Shades Shades() => _notes.Profile.Capabilities.ColorSystem switch
    {
        ColorSystem.TrueColor => Pictures.Shades.TrueColour,
        ColorSystem.EightBit => Pictures.Shades.Palette,
        _ => Pictures.Shades.Characters,
    };

    /// <summary>Shows how far a transfer is, on a screen; null where there is none.</summary>
    public IProgress<Client.TransferProgress>? Progress(string what) => HasScreen ? new Bar(this, what) : null;

    /// <summary>The answer: text for a person, or the value as one line of JSON.</summary>
    public void Answer(string text, JsonNode json)
    {
        lock (_gate)
        {
            if (Json)
            {
                WriteJson(json);
            }
            else
            {
                Console.Out.WriteLine(text);
            }
        }
    }

    /// <summary>The answer as a table, or as one JSON array.</summary>
    public void AnswerTable(IReadOnlyList<string> columns, IEnumerable<(IReadOnlyList<string> Cells, JsonNode Json)> rows, string ifEmpty)
    {
        var all = rows.ToList();
        lock (_gate)
        {
            if (Json)
            {
                WriteJson(new JsonArray([.. all.Select(row => row.Json)]));
                return;
            }

            if (all.Count == 0)
            {
                Console.Out.WriteLine(ifEmpty);
                return;
            }

            var table = new Table().Border(TableBorder.None);
            foreach (var column in columns)
            {
                table.AddColumn(new TableColumn(Markup.Escape(column)).NoWrap());
            }

            // A table that is piped on must not be cut to a screen that is not there.
            _output.Profile.Width = Console.IsOutputRedirected ? 10_000 : _output.Profile.Width;
            foreach (var (cells, _) in all)
            {
                table.AddRow([.. cells.Select(Markup.Escape)]);
            }

            _output.Write(table);
        }
    }

    /// <summary>One line that is written over; reports come on the transfer's own thread, in order.</summary>
    private sealed class Bar(Terminal terminal, string what) : IProgress<Client.TransferProgress>
    {
        private int _shown = -1;

        public void Report(Client.TransferProgress value)
        {
            var percent = (int)(value.Total == 0 ? 100 : 100 * value.Done / value.Total);
            lock (terminal._gate)
            {
                if (percent > _shown)
                {
                    _shown = percent;
                    Console.Error.Write($"\r{what} {percent,3} %{(percent == 100 ? Environment.NewLine : "")}");
                }
            }
        }
    }

    private static void WriteJson(JsonNode json) => Console.Out.WriteLine(json.ToJsonString(JsonSerializerOptions.Default));
}

/// <summary>The command was used wrongly; the message says what to do.</summary>
internal sealed class UsageException(string message) : Exception(message);

/// <summary>A further step of the flow is needed, and nobody is there to take it; the message says which.</summary>
internal sealed class StepNeededException(string message) : Exception(message);

/// <summary>The thing that was named is not there, or there are several.</summary>
internal sealed class NotFoundException(string message) : Exception(message);
