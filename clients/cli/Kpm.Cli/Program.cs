Console.WriteLine("kpm");
